// A flood of invented keys, with real probers among them: all found, within the budget.
//
// Everything goes through Engine::process. The normal size is small, with a budget to match; set
// PICKET_FLOOD_KEYS=10000000 for the full one within 64 MiB, which takes about half a minute each
// and also looks at the memory of the process.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>

#include "rules/engine.h"
#include "tests/support/engine_run.h"

namespace picket {
namespace {

constexpr uint64_t kFullKeys = 10'000'000;
constexpr size_t kFullBudget = 64 << 20;
constexpr uint64_t kProbers = 20;
constexpr uint64_t kProberHits = 16;

constexpr char kRules[] = R"(
title: Refused
name: refused
logsource: {product: test}
detection: {s: {e: refused}, condition: s}
---
title: Probing
name: probing
correlation:
  type: value_count
  rules: [refused]
  group-by: [who]
  timespan: 1d
  condition: {field: f, gte: 6}
)";

struct Flood {
  const char* name;
  uint64_t hits_each;
  bool in_a_row;        // the hits of one key follow each other; else all keys pass again and again
  int64_t span_hours;   // of the whole flood
  uint64_t phases = 1;  // the probers take turns, so many at a time as it takes
};

const Flood kFloods[] = {{"one hit each", 1, true, 20},
                         {"two hits each", 2, true, 20},
                         {"two hits each, in rounds", 2, false, 20},
                         {"three hits each", 3, true, 20},
                         {"three hits each, all at once", 3, true, 0},
                         {"three hits each, over ten windows", 3, true, 240, 10}};

uint64_t flood_keys() {
  const char* text = std::getenv("PICKET_FLOOD_KEYS");
  return text ? std::strtoull(text, nullptr, 10) : 60'000;
}

uint64_t resident_bytes() {
  uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> pages;
  return pages * 4096;
}

// Records as a Processor writes them, of which only the actor and the counted value differ.
class Hits {
 public:
  explicit Hits(const RuleSet& rules) {
    for (RuleId rule = 0; rule < rules.rules().size(); ++rule) {
      if (rules.rules()[rule].head->name == "refused") rule_ = {rule};
    }
    const Feed& feed = rules.feeds(rule_.front()).front();
    who_ = feed.group.front();
    value_ = feed.value.front();
  }

  void add(Timestamp time, const std::string& who, uint64_t value) {
    Hit hit{.time = time, .newest_before = batch.newest};
    hit.first = static_cast<uint32_t>(batch.records.size());
    HitWriter writer(batch.records);
    writer.rules(rule_);
    writer.capture(EvidenceCapture::kRequestId, "req_4f8ab2c19d03");
    writer.capture(EvidenceCapture::kPath, "/v2/keys.deleteKey");
    writer.capture(EvidenceCapture::kStatus, "403");
    writer.capture(who_, who);
    writer.capture(value_, std::to_string(value));
    writer.finish();
    hit.size = static_cast<uint32_t>(batch.records.size()) - hit.first;
    batch.hits.push_back(hit);
    batch.newest = std::max(batch.newest, time);
  }

  HitBatch batch;

 private:
  std::vector<RuleId> rule_;
  uint16_t who_ = 0;
  uint16_t value_ = 0;
};

class FloodRun {
 public:
  explicit FloodRun(const Flood& flood)
      : flood_(flood),
        keys_(flood_keys()),
        budget_(std::max<size_t>(kFullBudget * keys_ / kFullKeys, 1 << 10)),
        rules_(make_rules(kRules)),
        engine_(rules_, {"source"}, {.memory_max = budget_, .live = false, .track_changes = false}),
        hits_(*rules_) {
    engine_.add_stream(0, Duration(0));
  }

  void run() {
    const uint64_t total = keys_ * flood_.hits_each;
    const uint64_t pause = total / (kProbers * kProberHits);
    const double step =
        static_cast<double>(flood_.span_hours) * 3'600'000 / static_cast<double>(total);
    uint64_t probes = 0;
    for (uint64_t i = 0; i < total; ++i) {
      Timestamp now = timestamp_ms(static_cast<int64_t>(static_cast<double>(i) * step));
      uint64_t key = flood_.in_a_row ? i / flood_.hits_each : i % keys_;
      uint64_t round = flood_.in_a_row ? i % flood_.hits_each : i / keys_;
      hits_.add(now, "invented_" + std::to_string(key), round);
      if (i % pause == pause / 2 && probes < kProbers * kProberHits) {
        probe(now, probes++);
      }
      if (hits_.batch.hits.size() >= 1'500) process();
    }
    process();
  }

  void probe(Timestamp now, uint64_t n) {
    const uint64_t together = kProbers / flood_.phases;
    const uint64_t phase = n / (together * kProberHits);
    const uint64_t prober = phase * together + n % together;
    hits_.add(now, "prober_" + std::to_string(prober), n % (together * kProberHits) / together);
  }

  size_t budget() const { return budget_; }
  size_t found() const { return found_.size(); }
  size_t bytes_most() const { return bytes_most_; }
  size_t resident_most() const { return resident_most_; }
  GroupStats stats() { return engine_.stats().groups; }

 private:
  void process() {
    std::vector<AlertEvent> events;
    engine_.process(hits_.batch, timestamp_ms(0), events);
    for (const AlertEvent& event : events) {
      for (const auto& [name, value] : event.alert.labels) {
        if (value.starts_with("prober_")) found_.insert(value);
      }
    }
    hits_.batch.hits.clear();
    hits_.batch.records.clear();
    if (++batches_ % 16 == 0) {
      bytes_most_ = std::max<size_t>(bytes_most_, engine_.stats().groups.bytes);
      resident_most_ = std::max<size_t>(resident_most_, resident_bytes());
    }
  }

  const Flood& flood_;
  uint64_t keys_;
  size_t budget_;
  std::shared_ptr<const RuleSet> rules_;
  Engine engine_;
  Hits hits_;
  std::set<std::string> found_;
  size_t bytes_most_ = 0;
  size_t resident_most_ = 0;
  size_t batches_ = 0;
};

class GroupFlood : public testing::TestWithParam<Flood> {};

TEST_P(GroupFlood, StaysWithinTheBudgetAndFindsEveryProber) {
  const uint64_t resident_before = resident_bytes();
  const auto start = std::chrono::steady_clock::now();
  FloodRun run(GetParam());
  run.run();
  EXPECT_EQ(run.found(), kProbers);
  EXPECT_LE(run.bytes_most(), run.budget());
  GroupStats stats = run.stats();
  if (GetParam().span_hours < 24) {
    EXPECT_GT(stats.evictions + stats.refused, flood_keys() / 2) << "there was pressure";
  }
  if (flood_keys() < kFullKeys) return;
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  const double grown = static_cast<double>(run.resident_most() - resident_before) / (1 << 20);
  std::printf(
      "%s: %zu of %llu probers, %.1f s, %.1f MiB of state, %.1f MiB more resident, "
      "%llu groups, %llu evicted, %llu refused, %llu approximated\n",
      GetParam().name, run.found(), static_cast<unsigned long long>(kProbers), took.count(),
      static_cast<double>(run.bytes_most()) / (1 << 20), grown,
      static_cast<unsigned long long>(stats.groups),
      static_cast<unsigned long long>(stats.evictions),
      static_cast<unsigned long long>(stats.refused),
      static_cast<unsigned long long>(stats.approximated));
  EXPECT_LE(grown, 1.25 * kFullBudget / (1 << 20));
}

INSTANTIATE_TEST_SUITE_P(Floods, GroupFlood, testing::ValuesIn(kFloods));

}  // namespace
}  // namespace picket
