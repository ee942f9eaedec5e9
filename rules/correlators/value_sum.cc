// value_sum: the sum of the numbers in a field within the timespan. An empty window has 0.
// Numbers are kept exactly up to kValuesMax per group; beyond that the oldest are forgotten.
#include "rules/measures.h"
#include "rules/sliding_window.h"

namespace picket {

Result<std::unique_ptr<Correlator>> make_value_sum(const CorrelationSpec& spec) {
  if (spec.condition.fields.size() != 1) {
    return fail(spec.head.where, "value_sum needs one field with numbers",
                "add 'field:' to the condition");
  }
  PICKET_TRY(Bounds bounds, Bounds::read(spec, Bounds::Of::Numbers));
  bool at_end = bounds.holds(0);
  WindowSpec window{.bounds = std::move(bounds),
                    .timespan = spec.timespan,
                    .at_end = at_end,
                    .numbers = true,
                    .unit = "the sum"};
  return std::make_unique<WindowCorrelator<SumMeasure>>(std::move(window),
                                                        SumMeasure::Options{.mean = false});
}

}  // namespace picket
