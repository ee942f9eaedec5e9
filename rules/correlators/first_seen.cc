// first_seen: a group shows a value of a field that it has not shown for a while.
//
// Method: the values of each group with the time they were last seen, exact up to a bound of 1,024,
// and a period of learning in which everything is taken for usual. Learning and forgetting by time
// are common practice; the part that matters is the bound. A Bloom filter would need less memory
// but cannot forget single values, and takes some new values for known ones from the start. An
// unbounded set, the simplest way, lets one actor who invents values use up all memory.
//
// At the bound the value seen longest ago gives way, and the group remembers when that was: from
// then on a value that is not in the set may be new or one that gave way. So there is no alert
// until `forget` has passed since the newest loss: it errs towards silence, and describe() says so.
//
// Example: learn 1 d, forget 7 d. An actor comes from region a on day 0 and from b on day 2: b is
// new. It comes from a on day 9 again, 9 days after the last time: that holds as well.
//
// "Not for `forget`" means longer ago than that: a value exactly that old is still known. A group
// that showed nothing at all for longer than `forget` begins to learn anew.
//
// A late event takes part with its own time; whether values that are forgotten by now were known
// then cannot be told, so it holds only when nothing was forgotten that might matter.
//
// Tested by tests/rules/correlators/first_seen_test.cc.
#include <fmt/format.h>

#include <algorithm>

#include "rules/bytes.h"
#include "rules/correlator.h"
#include "rules/correlators/option_reader.h"
#include "rules/correlators/seen_values.h"

namespace picket {
namespace {

constexpr size_t kValuesMax = 1024;

struct Options {
  Duration learn = std::chrono::hours(24);        // 0: the first value is new already
  Duration forget = std::chrono::hours(24 * 28);  // four weeks: what happens monthly is unusual
  Wiring wiring = {};
};

Result<Options> read_options(const CorrelationSpec& spec) {
  OptionReader reader(spec);
  Options options;
  reader.roles("rules");
  reader.fields("field");
  options.learn = reader.duration_or_none("learn", options.learn);
  options.forget = reader.duration("forget", options.forget);
  reader.timespan_is(options.forget, "forget");
  return reader.finish(std::move(options));
}

class State final : public GroupState {
 public:
  size_t bytes() const override { return sizeof(*this) + values.bytes(); }
  void encode(std::string& out) const override {
    put_bytes(out, first);
    put_bytes(out, newest);
    values.encode(out);
  }
  bool decode(std::string_view in) override {
    return take_bytes(in, first) && take_bytes(in, newest) && is_bounded_ms(first) &&
           is_bounded_ms(newest) && values.decode(in, kValuesMax) && in.empty();
  }

  int64_t first = kTimeLimitMs;  // time of the group's first event
  int64_t newest = -kTimeLimitMs;
  SeenValues values;
};

class FirstSeen final : public Correlator {
 public:
  explicit FirstSeen(const Options& options)
      : learn_(options.learn.count()), forget_(options.forget.count()) {}

  std::unique_ptr<GroupState> make_state() const override { return std::make_unique<State>(); }

  Judgement process(GroupState& group, const GroupHit& hit) const override {
    auto& state = static_cast<State&>(group);
    if (!hit.has_value) return {};
    const int64_t time = bounded_ms(hit.time);
    if (time - state.newest > forget_) state = State();
    state.first = std::min(state.first, time);
    state.newest = std::max(state.newest, time);
    state.values.forget_before(state.newest - forget_);
    // Looked at before the value itself makes another one give way.
    const bool sure = !is_blind(state, time);
    const auto [is_new, lost] = state.values.add(hit.value_hash, time, kValuesMax);
    const bool learnt = time - state.first >= learn_;
    return {.holds = is_new && sure && learnt,
            .value = is_new && sure ? 1.0 : 0.0,
            // What has been learnt takes long to learn again.
            .progress = learnt ? 0.5 : 0.25,
            .distinct = state.values.size(),
            .forgotten = lost};
  }

  std::string describe(const GroupState& group, Timestamp now) const override {
    const auto& state = static_cast<const State&>(group);
    const int64_t time = bounded_ms(now);
    const std::string known = fmt::format("{} values known", state.values.size());
    if (time - state.first < learn_) {
      return fmt::format("{}; learning for another {}", known,
                         time_left_text(Duration(learn_ - (time - state.first))));
    }
    if (is_blind(state, time)) {
      return fmt::format("{}, and more than the {} that can be kept: new ones do not alert for {}",
                         known, kValuesMax,
                         time_left_text(Duration(state.values.forgotten() + forget_ - time + 1)));
    }
    return known + "; a value that is not among them alerts";
  }

 private:
  bool is_blind(const State& state, int64_t time) const {
    return time - state.values.forgotten() <= forget_;
  }

  int64_t learn_;
  int64_t forget_;
};

}  // namespace

Result<void> prepare_first_seen(CorrelationSpec& spec) {
  PICKET_TRY(Options options, read_options(spec));
  adopt(std::move(options.wiring), spec);
  return {};
}

Result<std::unique_ptr<Correlator>> make_first_seen(const CorrelationSpec& spec) {
  PICKET_TRY(Options options, read_options(spec));
  return std::make_unique<FirstSeen>(options);
}

}  // namespace picket
