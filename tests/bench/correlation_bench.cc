// What a hit costs: from a HitBatch to the judged group, on one thread, by type and shape.
//
// Hits come from the Processor, with the captures that evidence needs, and only Engine::process is
// timed. A lane runs its hits over and over, each round later than the one before, so it measures
// the steady state; its conditions come near and do not hold, since alerts are rare. Lanes:
//   types     every correlation type there is, 1,000 groups
//   distinct  value_count with 10 to 9,999 distinct values in the window
//   span      windows of a minute, an hour and a day over the same events
//   groups    1, 1,000 and 100,000 groups
// At the end, medians over turns of what must not matter: many distinct values against few, and a
// long window against a short one.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <map>
#include <random>

#include "rules/engine.h"
#include "rules/processor.h"

namespace picket {
namespace {

constexpr size_t kHits = 200'000;
constexpr size_t kBatchHits = 1'500;  // about a megabyte of rows
constexpr int kTurns = 11;

constexpr char kSchema[] = R"(
schema: bench
logsource: {product: bench}
recognise: [t]
time: {field: t, unit: ms}
actor: [who]
fields:
  who: who
  request.id: id
  http.request.method: method
  url.path: path
  http.response.status_code: status
  error.type: code
)";

struct Shape {
  size_t groups = 1'000;
  size_t distinct = 10;  // values per group
  std::string span = "1h";
  int64_t span_ms = 3'600'000;
};

struct Type {
  const char* name;
  const char* body;  // of the correlation
  const char* options = "";
  bool has_timespan = true;
};

const Type kTypes[] = {
    {"event_count", "type: event_count\n  rules: [failed]\n  condition: {gte: 1000}\n"},
    {"value_count",
     "type: value_count\n  rules: [failed]\n  condition: {field: value, gte: 10000}\n"},
    {"value_sum", "type: value_sum\n  rules: [failed]\n  condition: {field: value, gt: 1e200}\n"},
    {"value_median",
     "type: value_median\n  rules: [failed]\n  condition: {field: value, gt: 1e9}\n"},
    {"temporal", "type: temporal\n  rules: [failed, worked, never]\n"},
    {"temporal_ordered", "type: temporal_ordered\n  rules: [failed, worked, never]\n"},
    {"sequential_test", "",
     "type: sequential_test, success: failed, failure: worked, first_contact: [value], "
     "false_alarm: 0.000000001"},
    {"leaky_bucket", "rules: [failed]\n", "type: leaky_bucket, capacity: 1000000, leak: 1ms",
     false},
    {"ratio", "", "type: ratio, part: failed, whole: worked, gte: 0.9, min_events: 1000000"},
    {"first_seen", "rules: [failed]\n", "type: first_seen, field: value, learn: 1d, forget: 7d",
     false},
    {"spike", "rules: [failed]\n", "type: spike, baseline: 1d, factor: 1000, min_events: 100000"},
    {"risk", "", "type: risk, scores: {failed: 1, worked: 1}, half_life: 1m, gte: 1000000", false},
};

// The detections that the correlation names (others would alert by themselves), and it.
std::string rule_text(const Type& type, const Shape& shape) {
  const std::string body = type.body;
  const std::string options = type.options;
  std::string text;
  for (const std::string name : {"failed", "worked", "never"}) {
    if ((body + options).find(name) == std::string::npos) continue;
    text += "title: D\nname: " + name + "\nlogsource: {product: bench}\n";
    text += "detection: {s: {e: " + name + "}, condition: s}\n---\n";
  }
  text += "title: T\nname: t\n";
  if (!options.empty()) text += "picket:\n  correlation: {" + options + "}\n";
  text += "correlation:\n  group-by: [who]\n";
  if (type.has_timespan) text += "  timespan: " + shape.span + "\n";
  return body.empty() ? text : text + "  " + body;
}

// Null, and a message, when there is no such type here.
std::shared_ptr<const RuleSet> compile(const Type& type, const Shape& shape) {
  auto schema_file = parse_yaml(kSchema, "schema.yaml");
  auto schema = parse_schema(*schema_file);
  auto file = parse_yaml(rule_text(type, shape), "rule.yml");
  RuleDocuments documents;
  read_rules(*std::move(file), {}, documents);
  std::vector<Schema> schemas;
  schemas.push_back(*std::move(schema));
  auto rules = RuleSet::make(std::move(documents), std::move(schemas));
  Diagnostics problems = rules ? (*rules)->rejected() : rules.error();
  for (const Diagnostic& problem : problems) std::fprintf(stderr, "%s\n", render(problem).c_str());
  return rules && problems.empty() ? *rules : nullptr;
}

// Rows of many groups in turn, at random; each window holds every value of its group many times.
std::string rows_text(const Shape& shape, size_t first, size_t count, std::mt19937_64& random) {
  static const char* kPaths[] = {"/v2/keys.createKey", "/v2/apis.deleteApi",
                                 "/v2/permissions.listRoles", "/v2/identities.getIdentity"};
  size_t per_window = shape.distinct * 10 * shape.groups;
  std::string text;
  for (size_t i = first; i < first + count; ++i) {
    auto at = static_cast<int64_t>(static_cast<double>(i) * static_cast<double>(shape.span_ms) /
                                   static_cast<double>(per_window));
    text += "{\"t\":" + std::to_string(at) + ",\"id\":\"req_" +
            std::to_string(random() % 1'000'000) + "x9Kd02mQ\",\"method\":\"POST\",\"path\":\"" +
            kPaths[random() % 4] +
            "\",\"status\":403,\"code\":\"err:unkey:authorization:forbidden\",\"e\":\"" +
            (random() % 4 == 0 ? "worked" : "failed") + "\",\"who\":\"key_" +
            std::to_string(random() % shape.groups) +
            "\",\"value\":" + std::to_string(random() % shape.distinct) + "}\n";
  }
  return text;
}

class Lane {
 public:
  Lane(const Type& type, const Shape& shape) : rules_(compile(type, shape)) {
    if (!rules_) return;
    engine_ = std::make_unique<Engine>(
        rules_, std::vector<std::string>{"source"},
        EngineOptions{.memory_max = size_t{4} << 30, .live = false, .track_changes = false});
    engine_->add_stream(0, Duration(0));
    Processor processor(rules_);
    std::mt19937_64 random(5);
    for (size_t first = 0; first < kHits; first += kBatchHits) {
      LineBatch lines;
      lines.bytes = PaddedBytes(rows_text(shape, first, kBatchHits, random));
      processor.process(std::move(lines), {.fixed_schema = 0}, batches_.emplace_back());
    }
    round_ = batches_.back().newest - batches_.front().hits.front().time + Duration(1);
    hits_ = 0;
    for (const HitBatch& batch : batches_) hits_ += batch.hits.size();
    for (int i = 0; i < 3; ++i) run();
  }

  bool good() const { return engine_ != nullptr; }
  size_t hits() const { return hits_; }
  size_t alerts() const { return alerts_; }
  size_t group_bytes() { return engine_->stats().groups.bytes; }

  void run() {
    for (HitBatch& batch : batches_) engine_->process(batch, timestamp_ms(0), events_);
    for (HitBatch& batch : batches_) {
      batch.newest += round_;
      for (Hit& hit : batch.hits) {
        hit.time += round_;
        if (hit.newest_before != Timestamp::min()) hit.newest_before += round_;
      }
    }
    if (!events_.empty())
      std::fprintf(stderr, "%zu alerts: not what is measured\n", events_.size());
    events_.clear();
  }

 private:
  std::shared_ptr<const RuleSet> rules_;
  std::unique_ptr<Engine> engine_;
  std::vector<HitBatch> batches_;
  std::vector<AlertEvent> events_;
  Duration round_{0};
  size_t hits_ = 0;
  size_t alerts_ = 0;
};

void bench_lane(benchmark::State& state, const Type& type, const Shape& shape) {
  Lane lane(type, shape);
  if (!lane.good()) {
    state.SkipWithError("this type does not compile here");
    return;
  }
  for (auto _ : state) lane.run();
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * lane.hits()));
  state.counters["alerts"] = static_cast<double>(lane.alerts());  // 0, or it is them one measures
  state.counters["bytes"] = static_cast<double>(lane.group_bytes());
}

const Shape kSpans[] = {
    {.span = "1m", .span_ms = 60'000}, {}, {.span = "1d", .span_ms = 86'400'000}};

void register_lane(const std::string& name, const Type& type, const Shape& shape) {
  benchmark::RegisterBenchmark(name.c_str(), [type, shape](benchmark::State& state) {
    bench_lane(state, type, shape);
  })->Unit(benchmark::kMillisecond);
}

void register_lanes() {
  for (const Type& type : kTypes) register_lane(std::string("types/") + type.name, type, {});
  for (size_t distinct : {10, 100, 1'000, 9'999}) {
    register_lane("distinct/" + std::to_string(distinct), kTypes[1],
                  {.groups = 1, .distinct = distinct});
  }
  for (const Shape& shape : kSpans) {
    for (const Type& type : {kTypes[0], kTypes[1]}) {
      register_lane("span/" + std::string(type.name) + "/" + shape.span, type, shape);
    }
  }
  for (size_t groups : {1, 1'000, 100'000}) {
    for (const Type& type : {kTypes[0], kTypes[1]}) {
      register_lane("groups/" + std::string(type.name) + "/" + std::to_string(groups), type,
                    {.groups = groups});
    }
  }
}

double seconds(Lane& lane) {
  std::clock_t start = std::clock();
  lane.run();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

// The median, over turns in which both run, of how much longer `b` takes than `a`.
void print_ratio(const char* what, Lane&& a, Lane&& b) {
  std::vector<double> ratios;
  for (int turn = 0; turn < kTurns; ++turn) {
    double first = seconds(a);
    ratios.push_back(seconds(b) / first);
  }
  std::sort(ratios.begin(), ratios.end());
  std::printf("%s: %.2f times the cost (median of %d turns)\n", what, ratios[kTurns / 2], kTurns);
}

void print_ratios() {
  print_ratio("value_count, 9,999 distinct values against 10",
              Lane(kTypes[1], {.groups = 1, .distinct = 10}),
              Lane(kTypes[1], {.groups = 1, .distinct = 9'999}));
  print_ratio("event_count, a day against a minute", Lane(kTypes[0], kSpans[0]),
              Lane(kTypes[0], kSpans[2]));
  print_ratio("value_count, a day against a minute", Lane(kTypes[1], kSpans[0]),
              Lane(kTypes[1], kSpans[2]));
}

}  // namespace
}  // namespace picket

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  picket::register_lanes();
  benchmark::RunSpecifiedBenchmarks();
  if (benchmark::GetBenchmarkFilter().empty()) picket::print_ratios();
  return 0;
}
