// absence: something happened, and what should have followed did not.
//
// Method: a timer per group, driven by the watermark: the engine calls back once everything up to
// the end of the wait has been processed. It replaces looking for the gap at the next event, which
// says nothing while nothing happens, and that is just when it matters.
//
// Of the events that wait for an answer only the oldest and the newest are kept, and their number.
// The oldest decides first, and it decides whether there is an alert. When it has gone unanswered,
// the newest is next: it came within `within` of the oldest, or the oldest would have been decided
// before it. So as long as nothing answers, the condition holds again within each further `within`,
// and those in between would only have said so more often. An answer answers all that wait for it
// and began before. Keeping each one would cost memory in proportion to the traffic.
//
// Example: within 10 s. A at 0, 3 and 8 s, B at 12 s: the one at 0 s goes unanswered and holds at
// 10 s, with three waiting; B answers the others. B at 10 s would have answered them all: both ends
// are included, and so are answers read before the question of the same millisecond.
//
// Late events: a late B answers what waits and began before it. A late A that began before a B that
// has been seen counts as answered: what was known about B then is gone, so it errs towards
// silence.
//
// Tested by tests/rules/correlators/absence_test.cc.
#include <fmt/format.h>

#include <algorithm>

#include "rules/bytes.h"
#include "rules/correlator.h"
#include "rules/correlators/option_reader.h"

namespace picket {
namespace {

struct Options {
  uint64_t after = 0;    // roles
  uint64_t missing = 0;  // roles
  Duration within{0};
  Wiring wiring = {};
};

Result<Options> read_options(const CorrelationSpec& spec) {
  OptionReader reader(spec);
  Options options;
  options.after = reader.roles("after");
  options.missing = reader.roles("missing");
  if ((options.after & options.missing) != 0) {
    reader.error("missing", "a rule under both 'after' and 'missing' would answer itself");
  }
  options.within = reader.duration("within");
  reader.timespan_is(options.within, "within");
  return reader.finish(std::move(options));
}

class State final : public GroupState {
 public:
  size_t bytes() const override { return sizeof(*this); }
  void encode(std::string& out) const override {
    for (int64_t time : {oldest, newest, answer}) put_bytes(out, time);
    put_bytes(out, waiting);
  }
  bool decode(std::string_view in) override {
    for (int64_t* time : {&oldest, &newest, &answer}) {
      if (!take_bytes(in, *time) || !is_bounded_ms(*time)) return false;
    }
    // One that waits is both the oldest and the newest.
    return take_bytes(in, waiting) && in.empty() && oldest <= newest &&
           (waiting > 1 || oldest == newest);
  }

  int64_t oldest = 0;  // of those that wait, if any do
  int64_t newest = 0;
  int64_t answer = -kTimeLimitMs;  // time of the newest B
  uint64_t waiting = 0;
};

class Absence final : public Correlator {
 public:
  explicit Absence(const Options& options) : options_(options), within_(options.within.count()) {}

  std::unique_ptr<GroupState> make_state() const override { return std::make_unique<State>(); }

  Judgement process(GroupState& group, const GroupHit& hit) const override {
    auto& state = static_cast<State&>(group);
    const int64_t time = bounded_ms(hit.time);
    if ((hit.roles & options_.missing) != 0) answer(state, time);
    if ((hit.roles & options_.after) != 0) ask(state, time);
    return judgement(state, /*holds=*/false, state.waiting);
  }

  Judgement on_time(GroupState& group, Timestamp now) const override {
    auto& state = static_cast<State&>(group);
    const int64_t time = bounded_ms(now);
    const uint64_t waiting = state.waiting;
    if (waiting == 0 || time < state.oldest + within_) {
      return judgement(state, /*holds=*/false, waiting);
    }
    if (time >= state.newest + within_) {
      state.waiting = 0;
    } else {
      state.waiting = std::max<uint64_t>(waiting - 1, 1);
    }
    state.oldest = state.newest;
    return judgement(state, /*holds=*/true, waiting);
  }

  std::string describe(const GroupState& group, Timestamp now) const override {
    const auto& state = static_cast<const State&>(group);
    if (state.waiting == 0) return "nothing waits for an answer";
    const int64_t left = std::max<int64_t>(state.oldest + within_ - bounded_ms(now), 0);
    return fmt::format("{} waiting for an answer; {} left for the oldest", state.waiting,
                       duration_text(Duration(left)));
  }

 private:
  void ask(State& state, int64_t time) const {
    if (time <= state.answer) return;
    state.oldest = state.waiting == 0 ? time : std::min(state.oldest, time);
    state.newest = state.waiting == 0 ? time : std::max(state.newest, time);
    ++state.waiting;
  }

  void answer(State& state, int64_t time) const {
    state.answer = std::max(state.answer, time);
    if (state.waiting == 0) return;
    const bool oldest = state.oldest <= time && time <= state.oldest + within_;
    const bool newest = state.newest <= time && time <= state.newest + within_;
    if (!oldest && !newest) return;
    state.waiting = oldest && newest ? 0 : 1;
    if (oldest) state.oldest = state.newest;
    if (newest) state.newest = state.oldest;
  }

  Judgement judgement(const State& state, bool holds, uint64_t value) const {
    Judgement out{.holds = holds, .value = static_cast<double>(value)};
    if (state.waiting > 0) {
      // Whoever waits must not be forgotten in favour of others: its alert would be lost.
      constexpr double kNear = 0.9;
      out.progress = kNear;
      out.wake = timestamp_ms(state.oldest + within_);
    }
    return out;
  }

  Options options_;
  int64_t within_;
};

}  // namespace

Result<void> prepare_absence(CorrelationSpec& spec) {
  PICKET_TRY(Options options, read_options(spec));
  adopt(std::move(options.wiring), spec);
  return {};
}

Result<std::unique_ptr<Correlator>> make_absence(const CorrelationSpec& spec) {
  PICKET_TRY(Options options, read_options(spec));
  return std::make_unique<Absence>(options);
}

}  // namespace picket
