// Metrics: the published Snapshot as Prometheus families.
//
// Counting happens in plain fields where the work is done; this turns a copy of them into text when
// somebody scrapes, so no metric object is ever touched per event. Every family is present from the
// first scrape on, with zeroes for the label values that are known beforehand.
//
// Invariants: label values are clean text; no two samples of a family have the same labels; the
// number of series is bounded by the configuration and the caps below.
// Thread rule: all calls from any thread.
// Errors: none.
#pragma once

#include <prometheus/collectable.h>

#include <string>
#include <string_view>
#include <vector>

#include "daemon/published.h"

namespace picket {

// A larger rule set must not grow every scrape: of it, the dearest rules and the most active ones
// have series of their own, the rest share the label value "other". A rule that leaves "other"
// takes its counts along, which looks like a restart of that one series.
constexpr size_t kRuleSeriesMax = 300;
constexpr size_t kRuleSeriesDearest = 50;
constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

// REQUIRES: `state` outlives it.
class MetricsCollector final : public prometheus::Collectable {
 public:
  explicit MetricsCollector(const PublishedState& state) : state_(state) {}
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const PublishedState& state_;
};

std::vector<prometheus::MetricFamily> collect_metrics(const Snapshot& snapshot);

// The text exposition of one snapshot.
std::string metrics_text(const Snapshot& snapshot);

}  // namespace picket
