// One function per subject; rows that differ only in name and field are tables. Those of sources
// are in metrics_sources.cc. Tested by tests/daemon/metrics_test.cc.
#include "daemon/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <tuple>
#include <utility>

#include "daemon/metric_families.h"

namespace picket {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr std::array<Level, 5> kLevels = {Level::Informational, Level::Low, Level::Medium,
                                          Level::High, Level::Critical};

void add_process(Families& out, const Snapshot& s) {
  FamilyBuilder build({"picket_build_info", "What is running; always 1.", kGauge},
                      {"version", "commit", "simd"});
  build.add({s.build.version, s.build.commit, s.build.simd}, 1);
  build.finish(out);
  add_single(out, {"picket_start_timestamp_seconds", "When the process started.", kGauge},
             seconds(s.started));
  add_single(
      out,
      {"picket_heartbeat_timestamp_seconds", "When the pipeline last reported its state.", kGauge},
      seconds(s.published));
  add_single(out, {"picket_healthy", "1 while nothing needs attention.", kGauge},
             s.health.healthy ? 1 : 0);
  add_single(out, {"picket_ready", "1 once the inputs are being read.", kGauge},
             s.health.ready ? 1 : 0);
  add_single(out,
             {"picket_config_last_reload_successful", "1 if the newest configuration was accepted.",
              kGauge},
             s.reload.last_successful ? 1 : 0);
  add_single(out,
             {"picket_config_last_reload_success_timestamp_seconds",
              "When a configuration was last accepted.", kGauge},
             seconds(s.reload.last_success));
  add_single(out, {"picket_config_reloads_total", "Reloads attempted.", kCounter},
             real(s.reload.attempts));
  add_single(out,
             {"picket_config_reload_failures_total",
              "Reloads refused; the old configuration went on.", kCounter},
             real(s.reload.failures));
}

void add_pipeline(Families& out, const Snapshot& s) {
  const std::pair<Described, uint64_t> rows[] = {
      {{"picket_queue_length", "Batches waiting to be decoded.", kGauge}, s.pipeline.queue_length},
      {{"picket_queue_capacity", "Batches that may wait.", kGauge}, s.pipeline.queue_capacity},
      {{"picket_queue_bytes", "Bytes of the batches waiting.", kGauge}, s.pipeline.queue_bytes},
      {{"picket_batches_in_flight", "Batches being decoded or judged.", kGauge},
       s.pipeline.batches_in_flight},
      {{"picket_workers", "Decode threads.", kGauge}, s.pipeline.workers},
      {{"picket_hits_pending", "Matches held back until their time has come.", kGauge},
       s.engine.hits_pending},
      {{"picket_hits_pending_bytes", "Memory used by them.", kGauge}, s.engine.hits_pending_bytes},
      {{"picket_hits_released_early_total", "Matches that waited no longer because too many did.",
        kCounter},
       s.engine.hits_released_early},
      {{"picket_window_keys", "Actors and other groups being watched.", kGauge},
       s.engine.groups.groups},
      {{"picket_window_bytes", "Memory used by groups.", kGauge}, s.engine.groups.bytes},
      {{"picket_window_limit_bytes", "Memory that groups may use.", kGauge},
       s.engine.groups.bytes_max},
      {{"picket_window_evictions_total", "Groups forgotten to make room.", kCounter},
       s.engine.groups.evictions},
      {{"picket_window_refused_total", "Newcomers' hits turned away because memory was full.",
        kCounter},
       s.engine.groups.refused},
      {{"picket_window_approximated_total",
        "Groups that began with hits missing, because memory had been full.", kCounter},
       s.engine.groups.approximated},
      {{"picket_cooldowns_dropped_total",
        "Alerts that may open again before their cooldown has ended, because too many rest.",
        kCounter},
       s.engine.cooldowns_dropped},
      {{"picket_checkpoint_writes_total", "Commits of state attempted.", kCounter},
       s.checkpoints.writes},
      {{"picket_checkpoint_failures_total", "Commits of state that failed.", kCounter},
       s.checkpoints.failures},
      {{"picket_dead_letter_file_written_total", "Records written to the dead letter file.",
        kCounter},
       s.dead_letter_file.written},
      {{"picket_dead_letter_file_written_bytes_total", "Bytes written to the dead letter file.",
        kCounter},
       s.dead_letter_file.bytes},
      {{"picket_dead_letter_file_dropped_total", "Records that the dead letter file did not take.",
        kCounter},
       s.dead_letter_file.dropped},
  };
  for (const auto& [described, value] : rows) add_single(out, described, real(value));
  add_single(out,
             {"picket_checkpoint_last_success_timestamp_seconds", "When state was last committed.",
              kGauge},
             seconds(s.checkpoints.last_commit));
  add_single(out, {"picket_store_notice", "1 if opening the state file needed attention.", kGauge},
             s.checkpoints.notice.empty() ? 0 : 1);
  add_single(
      out, {"picket_watermark_timestamp_seconds", "Event time up to which all is decided.", kGauge},
      seconds(s.engine.watermark));
}

// The rules that get series of their own, by index: all of a small set; of a large one those that
// matched or alerted and the dearest, never more than kRuleSeriesMax.
std::vector<bool> rules_shown(const std::vector<RuleStats>& rules) {
  std::vector<bool> shown(rules.size(), rules.size() <= kRuleSeriesMax);
  if (rules.size() <= kRuleSeriesMax) return shown;
  std::vector<size_t> order(rules.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto dearer = [&rules](size_t a, size_t b) {
    return std::tuple(rules[a].seconds(), rules[a].evaluations, rules[a].state_bytes) >
           std::tuple(rules[b].seconds(), rules[b].evaluations, rules[b].state_bytes);
  };
  std::ranges::stable_sort(order, dearer);
  for (size_t i = 0; i < kRuleSeriesDearest; ++i) shown[order[i]] = rules[order[i]].evaluations > 0;
  auto left = kRuleSeriesMax - static_cast<size_t>(std::ranges::count(shown, true));
  const auto livelier = [&rules](size_t a, size_t b) {
    return std::tuple(rules[a].alerts, rules[a].matches) >
           std::tuple(rules[b].alerts, rules[b].matches);
  };
  std::ranges::stable_sort(order, livelier);
  for (const size_t i : order) {
    if (left == 0 || (rules[i].alerts == 0 && rules[i].matches == 0)) break;
    if (shown[i]) continue;
    shown[i] = true;
    --left;
  }
  return shown;
}

// Sigma asks for an id but does not insist on one.
std::string_view rule_label(const RuleStats& rule) {
  return rule.id.empty() ? rule.title : rule.id;
}

constexpr Row<RuleStats> kRuleRows[] = {
    {{"picket_rule_matches_total", "Events that matched or counted.", kCounter},
     [](const RuleStats& r) { return real(r.matches); }},
    {{"picket_rule_group_missing_total", "Matching events without the field to group by.",
      kCounter},
     [](const RuleStats& r) { return real(r.group_missing); }},
    {{"picket_rule_value_missing_total", "Matching events without the field that is counted.",
      kCounter},
     [](const RuleStats& r) { return real(r.value_missing); }},
    {{"picket_rule_not_numeric_total", "Events whose counted field is no number.", kCounter},
     [](const RuleStats& r) { return real(r.not_numeric); }},
    {{"picket_rule_forgotten_total", "Events that a full window forgot before their time.",
      kCounter},
     [](const RuleStats& r) { return real(r.forgotten); }},
    {{"picket_rule_alerts_total", "Alerts opened, those of shadow rules included.", kCounter},
     [](const RuleStats& r) { return real(r.alerts); }},
    {{"picket_rule_alerts_dropped_total",
      "Alerts that did not open, or ended early, because too many were open.", kCounter},
     [](const RuleStats& r) { return real(r.dropped); }},
    {{"picket_rule_evaluations_total", "Events that the rule's condition was run on.", kCounter},
     [](const RuleStats& r) { return real(r.evaluations); }},
    {{"picket_rule_seconds_total", "Time its condition took, estimated from samples.", kCounter},
     [](const RuleStats& r) { return r.seconds(); }},
    {{"picket_rule_state_bytes", "Memory held by the rule's groups.", kGauge},
     [](const RuleStats& r) { return real(r.state_bytes); }},
};

void add_rules(Families& out, const EngineStats& engine) {
  const std::vector<bool> shown = rules_shown(engine.rules);
  for (const Row<RuleStats>& row : kRuleRows) {
    FamilyBuilder family(row.described, {"rule"});
    for (size_t i = 0; i < engine.rules.size(); ++i) {
      const RuleStats& rule = engine.rules[i];
      family.add({shown[i] ? rule_label(rule) : "other"}, row.value(rule));
    }
    family.finish(out);
  }
  FamilyBuilder shadow(
      {"picket_rule_shadow", "1 for rules whose alerts are counted and not delivered.", kGauge},
      {"rule"});
  for (size_t i = 0; i < engine.rules.size(); ++i) {
    if (engine.rules[i].shadow && shown[i]) shadow.add({rule_label(engine.rules[i])}, 1);
  }
  shadow.finish(out);
  add_single(out, {"picket_rules", "Rules loaded.", kGauge}, real(engine.rules.size()));
}

void add_incidents(Families& out, const EngineStats& engine) {
  FamilyBuilder active({"picket_incidents_active", "Alerts firing now.", kGauge}, {"severity"});
  FamilyBuilder opened({"picket_incidents_opened_total", "Alerts opened.", kCounter}, {"severity"});
  FamilyBuilder closed({"picket_incidents_closed_total", "Alerts resolved.", kCounter},
                       {"severity"});
  for (const Level level : kLevels) {
    const auto i = static_cast<size_t>(level);
    active.add({to_text(level)}, real(engine.alerts_active[i]));
    opened.add({to_text(level)}, real(engine.alerts_opened[i]));
    closed.add({to_text(level)}, real(engine.alerts_closed[i]));
  }
  for (FamilyBuilder* family : {&active, &opened, &closed}) family->finish(out);
}

constexpr Row<OutputStats> kOutputRows[] = {
    {{"picket_notifications_sent_total", "Alert messages that arrived.", kCounter},
     [](const OutputStats& o) { return real(o.sent); }},
    {{"picket_notifications_errors_total", "Alert messages that did not arrive.", kCounter},
     [](const OutputStats& o) { return real(o.errors); }},
    {{"picket_notifications_dropped_total", "Alert messages dropped because the queue was full.",
      kCounter},
     [](const OutputStats& o) { return real(o.dropped); }},
    {{"picket_notifications_queue_length", "Alert messages waiting.", kGauge},
     [](const OutputStats& o) { return real(o.queue_length); }},
    {{"picket_notifications_queue_capacity", "Alert messages that may wait.", kGauge},
     [](const OutputStats& o) { return real(o.queue_capacity); }},
};

void add_latency(Families& out, const Snapshot& s) {
  MetricFamily family{"picket_notification_latency_seconds",
                      "Time from the engine's decision to the receiver's answer.",
                      MetricType::Histogram,
                      {}};
  std::vector<std::string> seen;
  for (const OutputStats& output : s.outputs) {
    std::string name = clean_label_value(output.name, kMetricLabelBytesMax);
    if (std::ranges::find(seen, name) != seen.end()) continue;
    ClientMetric metric;
    metric.label.push_back({"receiver", name});
    metric.histogram.sample_count = output.latency_count;
    metric.histogram.sample_sum = output.latency_sum;
    for (const auto& [bound, count] : output.latency_buckets) {
      metric.histogram.bucket.push_back({count, bound});
    }
    family.metric.push_back(std::move(metric));
    seen.push_back(std::move(name));
  }
  out.push_back(std::move(family));
}

}  // namespace

std::vector<MetricFamily> collect_metrics(const Snapshot& snapshot) {
  Families out;
  add_process(out, snapshot);
  add_source_families(out, snapshot);
  add_pipeline(out, snapshot);
  add_rules(out, snapshot.engine);
  add_incidents(out, snapshot.engine);
  add_rows(out, kOutputRows, snapshot.outputs, "receiver");
  add_latency(out, snapshot);
  return out;
}

std::vector<MetricFamily> MetricsCollector::Collect() const {
  return collect_metrics(*state_.latest());
}

std::string metrics_text(const Snapshot& snapshot) {
  return prometheus::TextSerializer().Serialize(collect_metrics(snapshot));
}

}  // namespace picket
