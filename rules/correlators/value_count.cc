// value_count: at least N distinct values of a field (or tuple) of a group within the timespan.
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

  DistinctWindow window;
};

class ValueCount final : public Correlator {
 public:
  ValueCount(Threshold threshold, Duration timespan) : threshold_(threshold), timespan_(timespan) {}

  std::unique_ptr<GroupState> make_state() const override { return std::make_unique<State>(); }

  // REQUIRES: hit.has_value; the engine does not pass on hits without the counted field.
  Judgement process(GroupState& state, const GroupHit& hit) const override {
    auto& window = static_cast<State&>(state).window;
    uint64_t count = window.add(hit.value_hash, hit.time, timespan_, threshold_.keep);
    return {threshold_.holds(count), static_cast<double>(count), threshold_.progress(count), count};
  }

 private:
  Threshold threshold_;
  Duration timespan_;
};

}  // namespace

Result<std::unique_ptr<Correlator>> make_value_count(const CorrelationSpec& spec) {
  if (spec.condition.fields.empty()) {
    return fail(spec.head.where, "value_count needs the field whose values it counts",
                "add 'field:' to the condition");
  }
  PICKET_TRY(Threshold threshold, read_threshold(spec));
  return std::make_unique<ValueCount>(threshold, spec.timespan);
}

}  // namespace picket
