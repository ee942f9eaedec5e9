// value_count: how many distinct values of a field (or tuple) a group has within the timespan.
// Memory per group: one entry per distinct value up to the highest bound; for conditions that are
// judged at the end of a window one per event, up to 10,000.
#include <fmt/format.h>

#include "rules/measures.h"
#include "rules/sliding_window.h"
#include "rules/window.h"

namespace picket {
namespace {

class State final : public GroupState {
 public:
  size_t bytes() const override { return sizeof(*this) + window.bytes(); }
  void encode(std::string& out) const override { window.encode(out); }
  bool decode(std::string_view in) override { return window.decode(in) && in.empty(); }

  DistinctWindow window;
};

class ValueCount final : public Correlator {
 public:
  ValueCount(Bounds bounds, Duration timespan) : bounds_(std::move(bounds)), timespan_(timespan) {}

  std::unique_ptr<GroupState> make_state() const override { return std::make_unique<State>(); }

  // REQUIRES: hit.has_value; the engine does not pass on hits without the counted field.
  Judgement process(GroupState& state, const GroupHit& hit) const override {
    auto& window = static_cast<State&>(state).window;
    uint64_t count = window.add(hit.value_hash, hit.time, timespan_, bounds_.count_enough());
    auto value = static_cast<double>(count);
    return {bounds_.holds(value), value, bounds_.progress(value), count};
  }

  std::string describe(const GroupState& state, Timestamp now) const override {
    const WindowPart part = static_cast<const State&>(state).window.since(now - timespan_);
    const Duration left = part.count > 0 ? part.oldest + timespan_ - now : timespan_;
    return bounds_.missing(part, "distinct values", left);
  }

 private:
  Bounds bounds_;
  Duration timespan_;
};

}  // namespace

Result<std::unique_ptr<Correlator>> make_value_count(const CorrelationSpec& spec) {
  if (spec.condition.fields.empty()) {
    return fail(spec.head.where, "value_count needs the field whose values it counts",
                "add 'field:' to the condition");
  }
  PICKET_TRY(Bounds bounds, Bounds::read(spec, Bounds::Of::Counts));
  if (!bounds.holds(0)) return std::make_unique<ValueCount>(std::move(bounds), spec.timespan);
  // Every event that leaves is a moment at which the condition is judged, so all are kept.
  WindowSpec window{.bounds = bounds,
                    .timespan = spec.timespan,
                    .keep = Bounds::kCountMax,
                    .at_end = true,
                    .unit = "the number of distinct values"};
  return std::make_unique<WindowCorrelator<DistinctMeasure>>(std::move(window),
                                                             DistinctMeasure::Options{});
}

}  // namespace picket
