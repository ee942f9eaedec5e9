#include "daemon/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/metric_family.h>

#include <random>
#include <set>

namespace picket {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Snapshot sample() {
  Snapshot s;
  s.build = {.version = "1.2.3", .commit = "abc", .simd = "icelake"};
  SourceStats api{.name = "api",
                  .decode = {.lines = 100, .blank = 2, .events = 90, .event_lines = 90}};
  api.decode.secrets_redacted = 6;
  api.decode.dead[static_cast<size_t>(DecodeError::NotJson)] = 8;
  s.engine.sources = {api};
  s.sources = {{.name = "api", .lines = {.read = 110, .in_flight = 7, .dropped = {3, 0}}},
               {.name = "idle"}};
  s.engine.refusals[{"api", "err:unkey:authorization:forbidden", "protected_resource"}] = 5;
  s.engine.alerts_active[3] = 2;
  s.outputs = {{.name = "am",
                .sent = 4,
                .latency_buckets = {{0.1, 3}, {1, 4}},
                .latency_sum = 0.5,
                .latency_count = 4}};
  return s;
}

TEST(Metrics, LedgerBalances) {
  const std::string text = metrics_text(sample());
  EXPECT_THAT(text, HasSubstr("picket_lines_read_total{source=\"api\"} 110\n"));
  EXPECT_THAT(text, HasSubstr("picket_lines_processed_total{source=\"api\"} 92\n"));
  EXPECT_THAT(text, HasSubstr("picket_dead_letter_total{source=\"api\",reason=\"not_json\"} 8\n"));
  EXPECT_THAT(text,
              HasSubstr("picket_lines_dropped_total{source=\"api\",reason=\"overload\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("picket_lines_in_flight{source=\"api\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("picket_ledger_imbalance_lines{source=\"api\"} 0\n"));
}

TEST(Metrics, ALineThatGotLostShowsAsAnImbalance) {
  Snapshot s = sample();
  s.sources[0].lines.read += 2;
  EXPECT_THAT(metrics_text(s), HasSubstr("picket_ledger_imbalance_lines{source=\"api\"} 2\n"));
  s.sources[0].lines.read -= 5;
  EXPECT_THAT(metrics_text(s), HasSubstr("picket_ledger_imbalance_lines{source=\"api\"} -3\n"));
}

TEST(Metrics, KnownSeriesStartAtZero) {
  const std::string text = metrics_text(sample());
  EXPECT_THAT(text, HasSubstr("picket_secrets_redacted_total{source=\"api\"} 6\n"));
  EXPECT_THAT(text, HasSubstr("picket_dead_letter_total{source=\"idle\",reason=\"too_deep\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("picket_incidents_active{severity=\"critical\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("picket_incidents_active{severity=\"high\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("picket_notifications_dropped_total{receiver=\"am\"} 0\n"));
}

TEST(Metrics, PushInputsShowTheirSpoolAndRefusals) {
  Snapshot s = sample();
  s.sources[1].input.push = PushStats{.requests = 9, .spool_bytes = 5, .spool_bytes_max = 50};
  s.sources[1].input.push->refused[static_cast<size_t>(PushRefusal::SpoolFull)] = 2;
  const std::string text = metrics_text(s);
  EXPECT_THAT(text, HasSubstr("picket_input_requests_total{source=\"idle\"} 9\n"));
  EXPECT_THAT(text,
              HasSubstr("picket_input_refused_total{source=\"idle\",reason=\"spool_full\"} 2\n"));
  EXPECT_THAT(text,
              HasSubstr("picket_input_refused_total{source=\"idle\",reason=\"too_large\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("picket_spool_bytes{source=\"idle\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("picket_spool_limit_bytes{source=\"idle\"} 50\n"));
  // Others have nothing of the kind.
  EXPECT_THAT(text, Not(HasSubstr("picket_spool_bytes{source=\"api\"}")));
}

TEST(Metrics, HasHistogramAndRefusals) {
  const std::string text = metrics_text(sample());
  EXPECT_THAT(
      text,
      HasSubstr("picket_notification_latency_seconds_bucket{receiver=\"am\",le=\"+Inf\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("picket_refusals_total{source=\"api\",code=\"err:unkey:authorization:"
                              "forbidden\",cause=\"protected_resource\"} 5\n"));
}

TEST(Metrics, EveryFamilyHasHelpAndAGoodName) {
  for (const auto& family : collect_metrics({})) {
    EXPECT_TRUE(family.name.starts_with("picket_")) << family.name;
    EXPECT_FALSE(family.help.empty()) << family.name;
    EXPECT_EQ(family.type == prometheus::MetricType::Counter, family.name.ends_with("_total"))
        << family.name;
  }
}

TEST(Metrics, HostileValuesStayOnOneLineAndDoNotRepeat) {
  std::mt19937 random(11);
  Snapshot s;
  for (int i = 0; i < 10'000; ++i) {
    std::string text(random() % 30, '\0');
    for (char& c : text) c = static_cast<char>(random());
    s.engine.refusals[{"api", text, "le=\"quantile\\\n"}] += 1;
  }
  // Two that only differ beyond the cut.
  s.engine.refusals[{"api", std::string(900, 'x') + "a", ""}] = 1;
  s.engine.refusals[{"api", std::string(900, 'x') + "b", ""}] = 2;
  const std::string text = metrics_text(s);
  std::set<std::string> seen;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    ASSERT_NE(end, std::string::npos);
    const std::string line = text.substr(at, end - at);
    ASSERT_TRUE(line.starts_with("# ") || line.starts_with("picket_")) << line;
    const std::string series = line.substr(0, line.rfind(' '));
    if (line[0] != '#') {
      ASSERT_TRUE(seen.insert(series).second) << line;
    }
    at = end + 1;
  }
  EXPECT_THAT(text, HasSubstr(std::string(200, 'x') + "\",cause=\"\"} 3\n"));
}

TEST(Metrics, ManyRulesShareOneSeries) {
  Snapshot s;
  for (size_t i = 0; i < kRuleSeriesMax + 5; ++i) {
    s.engine.rules.push_back({.id = "rule-" + std::to_string(i), .matches = 1});
  }
  const std::string text = metrics_text(s);
  EXPECT_THAT(text, HasSubstr("picket_rule_matches_total{rule=\"other\"} 5\n"));
  EXPECT_THAT(text, Not(HasSubstr("rule-" + std::to_string(kRuleSeriesMax) + "\"")));
}

TEST(Metrics, OfManyRulesTheDearAndTheActiveHaveTheirOwnSeries) {
  Snapshot s;
  for (size_t i = 0; i < 3'000; ++i) {
    s.engine.rules.push_back({.id = "rule-" + std::to_string(i), .evaluations = 10});
  }
  s.engine.rules[1'000] = {
      .id = "dear", .evaluations = 200, .samples = 4, .sampled_ns = 6'000'000, .state_bytes = 9};
  s.engine.rules[2'000] = {.id = "active", .shadow = true, .matches = 1, .alerts = 1};
  const std::string text = metrics_text(s);
  EXPECT_THAT(text, HasSubstr("picket_rule_evaluations_total{rule=\"dear\"} 200\n"));
  EXPECT_THAT(text, HasSubstr("picket_rule_seconds_total{rule=\"dear\"} 0.3"));
  EXPECT_THAT(text, HasSubstr("picket_rule_state_bytes{rule=\"dear\"} 9\n"));
  EXPECT_THAT(text, HasSubstr("picket_rule_matches_total{rule=\"active\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("picket_rule_shadow{rule=\"active\"} 1\n"));
  // "dear" and 49 of the others count as dearest, "active" is shown for its alert.
  EXPECT_THAT(text, HasSubstr("picket_rule_evaluations_total{rule=\"other\"} 29490\n"));
  EXPECT_THAT(text, Not(HasSubstr("picket_rule_shadow{rule=\"dear\"}")));
}

TEST(Metrics, CollectorReadsTheLatestState) {
  PublishedState state;
  const MetricsCollector collector(state);
  const size_t families = collector.Collect().size();
  state.publish(std::make_shared<Snapshot>(sample()));
  EXPECT_EQ(collector.Collect().size(), families);
}

}  // namespace
}  // namespace picket
