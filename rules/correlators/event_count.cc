// event_count: at least N events of a group within the timespan.
#include "rules/correlator.h"
#include "rules/rule_spec.h"
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
  EventCount(Threshold threshold, Duration timespan) : threshold_(threshold), timespan_(timespan) {}

  std::unique_ptr<GroupState> make_state() const override { return std::make_unique<State>(); }

  Judgement process(GroupState& state, const GroupHit& hit) const override {
    auto& window = static_cast<State&>(state).window;
    uint64_t count = window.add(hit.time, timespan_, threshold_.keep);
    return {threshold_.holds(count), static_cast<double>(count), threshold_.progress(count), {}};
  }

 private:
  Threshold threshold_;
  Duration timespan_;
};

}  // namespace

Result<std::unique_ptr<Correlator>> make_event_count(const CorrelationSpec& spec) {
  PICKET_TRY(Threshold threshold, read_threshold(spec));
  return std::make_unique<EventCount>(threshold, spec.timespan);
}

}  // namespace picket
