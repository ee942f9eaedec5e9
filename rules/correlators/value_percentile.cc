// value_percentile: a percentile (nearest rank) of the numbers in a field within the timespan.
// Numbers are kept exactly up to kValuesMax per group; beyond that the oldest are forgotten.
#include "rules/measures.h"
#include "rules/sliding_window.h"

namespace picket {

Result<std::unique_ptr<Correlator>> make_value_percentile(const CorrelationSpec& spec) {
  if (spec.condition.fields.size() != 1) {
    return fail(spec.head.where, "value_percentile needs one field with numbers",
                "add 'field:' to the condition");
  }
  PICKET_TRY(Bounds bounds, Bounds::read(spec, Bounds::Of::Numbers));
  bool at_end = false;
  WindowSpec window{.bounds = std::move(bounds),
                    .timespan = spec.timespan,
                    .at_end = at_end,
                    .numbers = true,
                    .unit = "the percentile"};
  return std::make_unique<WindowCorrelator<RankMeasure>>(
      std::move(window), RankMeasure::Options{.percentile = spec.condition.percentile});
}

}  // namespace picket
