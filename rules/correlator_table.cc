#include <fmt/format.h>

#include "rules/correlator.h"
#include "rules/rule_spec.h"

namespace picket {

Result<std::unique_ptr<Correlator>> make_event_count(const CorrelationSpec& spec);
Result<std::unique_ptr<Correlator>> make_value_count(const CorrelationSpec& spec);
Result<std::unique_ptr<Correlator>> make_value_sum(const CorrelationSpec& spec);
Result<std::unique_ptr<Correlator>> make_value_avg(const CorrelationSpec& spec);
Result<std::unique_ptr<Correlator>> make_value_median(const CorrelationSpec& spec);
Result<std::unique_ptr<Correlator>> make_value_percentile(const CorrelationSpec& spec);
Result<std::unique_ptr<Correlator>> make_temporal(const CorrelationSpec& spec);
Result<std::unique_ptr<Correlator>> make_temporal_ordered(const CorrelationSpec& spec);
Result<void> prepare_sequential_test(CorrelationSpec& spec);
Result<std::unique_ptr<Correlator>> make_sequential_test(const CorrelationSpec& spec);
Result<void> prepare_leaky_bucket(CorrelationSpec& spec);
Result<std::unique_ptr<Correlator>> make_leaky_bucket(const CorrelationSpec& spec);
Result<void> prepare_ratio(CorrelationSpec& spec);
Result<std::unique_ptr<Correlator>> make_ratio(const CorrelationSpec& spec);
Result<void> prepare_first_seen(CorrelationSpec& spec);
Result<std::unique_ptr<Correlator>> make_first_seen(const CorrelationSpec& spec);
Result<void> prepare_spike(CorrelationSpec& spec);
Result<std::unique_ptr<Correlator>> make_spike(const CorrelationSpec& spec);
Result<void> prepare_absence(CorrelationSpec& spec);
Result<std::unique_ptr<Correlator>> make_absence(const CorrelationSpec& spec);
Result<void> prepare_risk(CorrelationSpec& spec);
Result<std::unique_ptr<Correlator>> make_risk(const CorrelationSpec& spec);

const std::vector<CorrelatorKind>& correlator_kinds() {
  static const std::vector<CorrelatorKind> kinds = {
      {"event_count", nullptr, make_event_count},
      {"value_count", nullptr, make_value_count},
      {"value_sum", nullptr, make_value_sum},
      {"value_avg", nullptr, make_value_avg},
      {"value_median", nullptr, make_value_median},
      {"value_percentile", nullptr, make_value_percentile},
      {"temporal", nullptr, make_temporal},
      {"temporal_ordered", nullptr, make_temporal_ordered},
      {"sequential_test", prepare_sequential_test, make_sequential_test},
      {"leaky_bucket", prepare_leaky_bucket, make_leaky_bucket},
      {"ratio", prepare_ratio, make_ratio},
      {"first_seen", prepare_first_seen, make_first_seen},
      {"spike", prepare_spike, make_spike},
      {"absence", prepare_absence, make_absence},
      {"risk", prepare_risk, make_risk},
  };
  return kinds;
}

namespace {

Result<const CorrelatorKind*> find_kind(const CorrelationSpec& spec) {
  std::vector<std::string> known;
  for (const CorrelatorKind& kind : correlator_kinds()) {
    if (kind.type == spec.type) return &kind;
    known.emplace_back(kind.type);
  }
  std::optional<std::string> near = nearest(spec.type, known);
  return fail(spec.head.where, "correlation type '" + spec.type + "' is not known",
              near ? "did you mean '" + *near + "'?"
                   : "known types: " + fmt::format("{}", fmt::join(known, ", ")));
}

}  // namespace

Result<void> prepare_correlation(CorrelationSpec& spec) {
  PICKET_TRY(const CorrelatorKind* kind, find_kind(spec));
  return kind->prepare != nullptr ? kind->prepare(spec) : Result<void>();
}

Result<std::unique_ptr<Correlator>> make_correlator(const CorrelationSpec& spec) {
  PICKET_TRY(const CorrelatorKind* kind, find_kind(spec));
  return kind->make(spec);
}

}  // namespace picket
