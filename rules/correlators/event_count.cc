// event_count: how many events of a group lie within the timespan.
// Memory per group: at most one time per event up to the highest bound, or 10,000.
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

  TimeWindow window;
};

class EventCount final : public Correlator {
 public:
  EventCount(Bounds bounds, Duration timespan) : bounds_(std::move(bounds)), timespan_(timespan) {}

  std::unique_ptr<GroupState> make_state() const override { return std::make_unique<State>(); }

  Judgement process(GroupState& state, const GroupHit& hit) const override {
    auto& window = static_cast<State&>(state).window;
    auto count = static_cast<double>(window.add(hit.time, timespan_, bounds_.count_enough()));
    return {bounds_.holds(count), count, bounds_.progress(count), {}};
  }

  std::string describe(const GroupState& state, Timestamp now) const override {
    const WindowPart part = static_cast<const State&>(state).window.since(now - timespan_);
    const Duration left = part.count > 0 ? part.oldest + timespan_ - now : timespan_;
    return bounds_.missing(part, "events", left);
  }

 private:
  Bounds bounds_;
  Duration timespan_;
};

}  // namespace

Result<std::unique_ptr<Correlator>> make_event_count(const CorrelationSpec& spec) {
  PICKET_TRY(Bounds bounds, Bounds::read(spec, Bounds::Of::Counts));
  if (!bounds.holds(0)) return std::make_unique<EventCount>(std::move(bounds), spec.timespan);
  // The newest count_enough() decide: with as many in the window the answer is that of any more. A
  // forgotten event leaves while they are all still in it, or together with them, so a judgement at
  // that moment would have found the condition not to hold. That is so unless the condition holds
  // for many, as "not 3" does; then every leaving counts.
  bool every = bounds.holds_for_many();
  WindowSpec window{.bounds = bounds,
                    .timespan = spec.timespan,
                    .keep = every ? Bounds::kCountMax : bounds.count_enough(),
                    .at_end = true,
                    .count_forgotten = every,
                    .unit = "the number of events"};
  return std::make_unique<WindowCorrelator<CountMeasure>>(std::move(window),
                                                          CountMeasure::Options{});
}

}  // namespace picket
