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
  };
  return kinds;
}

Result<void> prepare_correlation(CorrelationSpec& spec) {
  for (const CorrelatorKind& kind : correlator_kinds()) {
    if (kind.type == spec.type && kind.prepare != nullptr) return kind.prepare(spec);
  }
  return {};
}

Result<std::unique_ptr<Correlator>> make_correlator(const CorrelationSpec& spec) {
  std::vector<std::string> known;
  for (const CorrelatorKind& kind : correlator_kinds()) {
    if (kind.type == spec.type) return kind.make(spec);
    known.emplace_back(kind.type);
  }
  std::optional<std::string> near = nearest(spec.type, known);
  return fail(spec.head.where, "correlation type '" + spec.type + "' is not known",
              near ? "did you mean '" + *near + "'?"
                   : "known types: " + fmt::format("{}", fmt::join(known, ", ")));
}

}  // namespace picket
