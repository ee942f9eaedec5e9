// value_avg: the mean of the numbers in a field within the timespan. An empty window has none.
// Numbers are kept exactly up to kValuesMax per group; beyond that the oldest are forgotten.
#include "rules/measures.h"
#include "rules/sliding_window.h"

namespace picket {

Result<std::unique_ptr<Correlator>> make_value_avg(const CorrelationSpec& spec) {
  if (spec.condition.fields.size() != 1) {
    return fail(spec.head.where, "value_avg needs one field with numbers",
                "add 'field:' to the condition");
  }
  PICKET_TRY(Bounds bounds, Bounds::read(spec, Bounds::Of::Numbers));
  bool at_end = false;
  WindowSpec window{.bounds = std::move(bounds),
                    .timespan = spec.timespan,
                    .at_end = at_end,
                    .numbers = true,
                    .unit = "the mean"};
  return std::make_unique<WindowCorrelator<SumMeasure>>(std::move(window),
                                                        SumMeasure::Options{.mean = true});
}

}  // namespace picket
