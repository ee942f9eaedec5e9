// What judging a log costs, beside the two limits of parsing it.
//
// `dom` is simdjson's DOM over the same rows, `scan` its first pass alone, line by line; `fields8`
// reads eight fields on top of that. `decode` is our decoder without rules and `picket` everything
// that `replay` does on one core with the packs that ship. Rates of a shared machine drift by more
// than what is to be measured, so after the lanes the program runs dom, scan and picket in turn and
// prints medians of the ratios within each turn.
//
// All of it runs on one thread; simdjson's second parsing thread is switched off.
#include <benchmark/benchmark.h>
#include <simdjson.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "rules/engine.h"
#include "rules/key_order.h"
#include "rules/processor.h"
#include "rules/text_match.h"
#include "tests/support/source_dir.h"
#include "tests/support/traffic.h"

namespace picket {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLogBytes = 64 << 20;
constexpr size_t kBatchBytes = 1 << 20;
constexpr int kTurns = 15;

// Rows, also cut into the batches in which `replay` would read them.
struct Log {
  PaddedBytes bytes;
  mutable std::vector<LineBatch> batches;  // lent to the processor, one at a time
  uint64_t rows = 0;
};

Log make_log(size_t bytes_min) {
  Traffic traffic({});
  std::string text;
  Log log;
  while (text.size() < bytes_min) {
    traffic.next(text);
    ++log.rows;
  }
  log.bytes = PaddedBytes(text);
  std::string_view rest = log.bytes.view();
  while (!rest.empty()) {
    size_t size = std::min(rest.size(), kBatchBytes);
    if (size < rest.size()) size = rest.rfind('\n', size - 1) + 1;
    log.batches.emplace_back().bytes = PaddedBytes(rest.substr(0, size));
    rest.remove_prefix(size);
  }
  return log;
}

const Log& log_rows() {
  static const Log log = make_log(kLogBytes);
  return log;
}

std::vector<YamlFile> read_folder(const fs::path& folder) {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    fs::path kind = entry.path().extension();
    if (kind == ".yml" || kind == ".yaml") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<YamlFile> files;
  for (const fs::path& path : paths) {
    std::ifstream stream(path, std::ios::binary);
    std::stringstream text;
    text << stream.rdbuf();
    auto file = parse_yaml(text.str(), path.string());
    if (file) files.push_back(*std::move(file));
  }
  return files;
}

std::shared_ptr<const RuleSet> load(bool with_rules) {
  const fs::path root(source_dir());
  std::vector<Schema> schemas;
  for (const YamlFile& file : read_folder(root / "config/schemas")) {
    auto schema = parse_schema(file);
    if (schema) schemas.push_back(*std::move(schema));
  }
  RuleDocuments documents;
  if (with_rules) {
    for (YamlFile& file : read_folder(root / "rules/packs")) {
      read_rules(std::move(file), {}, documents);
    }
  }
  auto rules = RuleSet::make(std::move(documents), std::move(schemas));
  if (rules) return *std::move(rules);
  for (const Diagnostic& problem : rules.error()) {
    std::fprintf(stderr, "%s\n", render(problem).c_str());
  }
  std::exit(1);
}

const std::shared_ptr<const RuleSet>& shipped_rules() {
  static const std::shared_ptr<const RuleSet> rules = load(/*with_rules=*/true);
  return rules;
}

// Calls each(line, readable) for every line of the log.
template <class Each>
void each_line(const Log& log, const Each& each) {
  const char* at = log.bytes.data();
  const char* end = at + log.bytes.size();
  const char* limit = end + PaddedBytes::kPadding;
  while (at < end) {
    const void* newline = std::memchr(at, '\n', static_cast<size_t>(end - at));
    const char* stop = newline ? static_cast<const char*>(newline) : end;
    each(std::string_view(at, static_cast<size_t>(stop - at)), static_cast<size_t>(limit - at));
    at = stop + 1;
  }
}

uint64_t run_dom(const Log& log) {
  static simdjson::dom::parser parser;
#ifdef SIMDJSON_THREADS_ENABLED
  parser.threaded = false;
#endif
  simdjson::dom::document_stream stream;
  constexpr size_t kWindow = simdjson::dom::DEFAULT_BATCH_SIZE;
  if (parser.parse_many(log.bytes.data(), log.bytes.size(), kWindow).get(stream)) return 0;
  uint64_t rows = 0;
  for (auto row : stream) rows += row.error() == simdjson::SUCCESS;
  return rows;
}

uint64_t run_scan(const Log& log) {
  static simdjson::ondemand::parser parser;
  uint64_t rows = 0;
  each_line(log, [&](std::string_view line, size_t readable) {
    simdjson::ondemand::document document;
    rows += !parser.iterate(line.data(), line.size(), readable).get(document);
  });
  return rows;
}

uint64_t run_fields8(const Log& log) {
  static simdjson::ondemand::parser parser;
  uint64_t rows = 0;
  each_line(log, [&](std::string_view line, size_t readable) {
    simdjson::ondemand::document document;
    if (parser.iterate(line.data(), line.size(), readable).get(document)) return;
    size_t good = 0;
    for (const char* name : {"request_id", "time", "workspace_id", "method", "path",
                             "response_status", "error", "ip_address"}) {
      simdjson::ondemand::value value;
      if (document.find_field(name).get(value)) continue;
      good += !value.raw_json_token().empty();
    }
    rows += good == 8;
  });
  return rows;
}

// What the ledger costs on the input thread.
uint64_t run_count_lines(const Log& log) {
  uint64_t lines = 0;
  for (const LineBatch& batch : log.batches) lines += count_lines(batch);
  return lines;
}

class CountingSink final : public EventSink {
 public:
  void on_event(Event&) override { ++events; }
  uint64_t events = 0;
};

uint64_t run_decode(const Log& log) {
  static const std::shared_ptr<const RuleSet> rules = load(/*with_rules=*/false);
  static Decoder decoder(rules->plans(), rules->fields().size());
  CountingSink sink;
  DecodeStats stats;
  LineContext context{.future_limit = Timestamp::max()};
  each_line(log, [&](std::string_view line, size_t readable) {
    context.line = line;
    context.readable = readable;
    decoder.decode(context, stats, sink);
  });
  return sink.events;
}

uint64_t run_picket(const Log& log) {
  static Processor processor(shipped_rules());
  static HitBatch hits;
  Engine engine(shipped_rules(), {"log"}, {.live = false, .track_changes = false});
  engine.add_stream(0, Duration(30'000));
  std::vector<AlertEvent> alerts;
  uint64_t rows = 0;
  for (LineBatch& batch : log.batches) {
    processor.process(std::move(batch), {}, hits);
    engine.process(hits, {}, alerts);
    rows += hits.stats.events;
    batch = std::move(hits.source);
  }
  engine.finish(alerts);
  return rows;
}

using Run = uint64_t (*)(const Log&);

void lane(benchmark::State& state, Run run) {
  const Log& log = log_rows();
  for (auto _ : state) {
    if (run(log) != log.rows) state.SkipWithError("rows were lost");
  }
  auto rounds = static_cast<int64_t>(state.iterations());
  state.SetBytesProcessed(rounds * static_cast<int64_t>(log.bytes.size()));
  state.SetItemsProcessed(rounds * static_cast<int64_t>(log.rows));
}

BENCHMARK_CAPTURE(lane, dom, run_dom)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(lane, scan, run_scan)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(lane, count_lines, run_count_lines)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(lane, fields8, run_fields8)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(lane, decode, run_decode)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(lane, picket, run_picket)->Unit(benchmark::kMillisecond);

// Runs the classifier again and again over the one event it gets.
class ClassifySink final : public EventSink {
 public:
  explicit ClassifySink(benchmark::State& state) : state_(state) {}
  void on_event(Event& event) override {
    const SchemaRules& rules = shipped_rules()->for_schema(event.schema);
    for (auto _ : state_) {
      rules.facts.begin(memo_);
      benchmark::DoNotOptimize(
          rules.classifier.first({rules.facts, shipped_rules()->predicates(), event, memo_}));
    }
  }

 private:
  benchmark::State& state_;
  MatchMemo memo_;
};

void classifier(benchmark::State& state, const char* status) {
  const std::string wanted = std::string("\"response_status\":") + status;
  std::string row;
  each_line(log_rows(), [&](std::string_view line, size_t) {
    if (row.empty() && line.find(wanted) != line.npos) row = line;
  });
  PaddedBytes bytes(row);
  Decoder decoder(shipped_rules()->plans(), shipped_rules()->fields().size());
  ClassifySink sink(state);
  DecodeStats stats;
  decoder.decode({.line = bytes.view(),
                  .readable = bytes.capacity() + PaddedBytes::kPadding,
                  .future_limit = Timestamp::max()},
                 stats, sink);
}
BENCHMARK_CAPTURE(classifier, success, "200");
BENCHMARK_CAPTURE(classifier, refused, "403");

void key_order(benchmark::State& state) {
  PathTree tree;
  std::string keys;
  std::vector<size_t> starts;
  for (int i = 0; i < 20; ++i) {
    std::string key = "some_field_" + std::to_string(i);
    if (i % 2 == 0) tree.insert(key);
    starts.push_back(keys.size());
    keys += key + "\"";
  }
  keys.append(16, '\0');
  KeyOrder order;
  for (auto _ : state) {
    uint32_t cursor = 0;
    for (size_t start : starts) {
      benchmark::DoNotOptimize(order.find(tree, 0, keys.data() + start, cursor));
    }
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * starts.size()));
}
BENCHMARK(key_order);

const std::string kMessage =
    "Missing one of these permissions: ['api.*.create_key', 'api.api_2Wn8Yq.create_key'], have: "
    "['api.*.read_api'] for the Workspace ws_3kV9 that owns the API";

void find_folded_miss(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(find_folded(kMessage, "workspaces are"));
}
BENCHMARK(find_folded_miss);

void glob(benchmark::State& state) {
  using Kind = PatternPart::Kind;
  const std::vector<PatternPart> parts = {{Kind::Many, ""},
                                          {Kind::Text, "permissions"},
                                          {Kind::Many, ""},
                                          {Kind::Text, "workspace ws_"},
                                          {Kind::Many, ""}};
  for (auto _ : state) benchmark::DoNotOptimize(glob_match(kMessage, parts, /*cased=*/false));
}
BENCHMARK(glob);

// Processor time: what others run on this core in between does not count.
double seconds(Run run) {
  std::clock_t start = std::clock();
  benchmark::DoNotOptimize(run(log_rows()));
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void print_ratios() {
  std::vector<double> to_dom, to_scan, dom, scan, picket;
  for (int turn = 0; turn < kTurns; ++turn) {
    dom.push_back(seconds(run_dom));
    scan.push_back(seconds(run_scan));
    picket.push_back(seconds(run_picket));
    to_dom.push_back(dom.back() / picket.back());
    to_scan.push_back(scan.back() / picket.back());
  }
  auto row = [](std::vector<double> values) {
    return median(std::move(values)) * 1e9 / static_cast<double>(log_rows().rows);
  };
  std::printf("ns per row: dom %.0f, scan %.0f, picket %.0f\n", row(dom), row(scan), row(picket));
  std::printf("picket/dom %.2f, picket/scan %.2f (speed; medians of %d turns)\n", median(to_dom),
              median(to_scan), kTurns);
}

}  // namespace
}  // namespace picket

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  picket::print_ratios();
  return 0;
}
