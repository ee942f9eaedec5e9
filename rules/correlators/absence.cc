// absence: something happened, and what should have followed did not.
//
// Method: a timer per group, driven by the watermark: the engine calls back once everything up to
// the end of the wait has been processed. It replaces looking for the gap at the next event, which
// says nothing while nothing happens, and that is just when it matters.
//
// Each event that waits for an answer is kept with its time and decided at its own end, so that
// questions and answers may interleave. An answer at t answers all that began in [t - within, t].
// Memory is bounded all the same: at most kWaitingMax different times wait. When there are more,
// the newest but one counts as if it had come with the newest, and is counted as forgotten. The
// oldest stay, so that a flood of questions cannot put off what is due; and the newest stays, which
// came within `within` of those before it, so that as long as nothing answers the condition goes on
// holding within each further `within`.
//
// Example: within 10 s. A at 0, 3 and 8 s, B at 12 s: the one at 0 s goes unanswered and holds at
// 10 s, with three waiting; B answers the others. B at 14 s would have answered the one at 8 s
// only: that of 3 s holds at 13 s. B at 10 s would have answered them all: both ends are included,
// and so are answers read before the question of the same millisecond.
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

// Different times at which something waits in one group. 64 tell apart what an actor begins by
// hand; what begins things faster than that within one wait is a machine, and all its questions of
// that while go unanswered or not together.
constexpr size_t kWaitingMax = 64;

class State final : public GroupState {
 public:
  struct Entry {
    int64_t time = 0;
    uint64_t count = 0;  // of those that began then
  };

  size_t bytes() const override { return sizeof(*this) + waiting.capacity() * sizeof(Entry); }
  void encode(std::string& out) const override {
    put_bytes(out, answer);
    for (const Entry& entry : waiting) {
      put_bytes(out, entry.time);
      put_bytes(out, entry.count);
    }
  }
  bool decode(std::string_view in) override {
    if (!take_bytes(in, answer) || !is_bounded_ms(answer)) return false;
    while (!in.empty()) {
      Entry entry;
      if (!take_bytes(in, entry.time) || !take_bytes(in, entry.count)) return false;
      const bool later = waiting.empty() || entry.time > waiting.back().time;
      const bool good = is_bounded_ms(entry.time) && entry.count > 0 && entry.count <= kCountMax;
      if (!later || !good || waiting.size() == kWaitingMax) return false;
      waiting.push_back(entry);
    }
    return true;
  }
  uint64_t count() const {
    uint64_t sum = 0;
    for (const Entry& entry : waiting) sum += entry.count;
    return sum;
  }

  std::vector<Entry> waiting;      // by time, each time once
  int64_t answer = -kTimeLimitMs;  // time of the newest B

 private:
  static constexpr uint64_t kCountMax = uint64_t{1} << 56;  // so that sums of them have room
};

class Absence final : public Correlator {
 public:
  Absence(const Options& options, std::vector<std::string> rules)
      : options_(options), rules_(std::move(rules)), within_(options.within.count()) {}

  std::unique_ptr<GroupState> make_state() const override { return std::make_unique<State>(); }

  Judgement process(GroupState& group, const GroupHit& hit) const override {
    auto& state = static_cast<State&>(group);
    const int64_t time = bounded_ms(hit.time);
    bool known = true;
    if ((hit.roles & options_.missing) != 0) answer(state, time);
    if ((hit.roles & options_.after) != 0) known = ask(state, time);
    Judgement out = judgement(state, /*holds=*/false, state.count());
    out.forgotten = known ? 0 : 1;
    return out;
  }

  Judgement on_time(GroupState& group, Timestamp now) const override {
    auto& state = static_cast<State&>(group);
    const int64_t end = bounded_ms(now) - within_;
    const uint64_t waiting = state.count();
    const auto due = std::find_if(state.waiting.begin(), state.waiting.end(),
                                  [end](const State::Entry& entry) { return entry.time > end; });
    const bool holds = due != state.waiting.begin();
    state.waiting.erase(state.waiting.begin(), due);
    return judgement(state, holds, waiting);
  }

  // "2 wait for b; the condition holds unless it comes within 6 s"
  std::string describe(const GroupState& group, Timestamp now) const override {
    const auto& state = static_cast<const State&>(group);
    if (state.waiting.empty()) {
      return fmt::format("nothing waits for {}; missing: {}", names(options_.missing),
                         names(options_.after));
    }
    const int64_t left =
        std::max<int64_t>(state.waiting.front().time + within_ - bounded_ms(now), 0);
    const uint64_t waiting = state.count();
    return fmt::format("{} {} for {}; the condition holds unless it comes within {}", waiting,
                       waiting == 1 ? "waits" : "wait", names(options_.missing),
                       time_left_text(Duration(left)));
  }

 private:
  // False when a time had to give way.
  static bool ask(State& state, int64_t time) {
    if (time <= state.answer) return true;
    std::vector<State::Entry>& waiting = state.waiting;
    const auto at = std::find_if(waiting.begin(), waiting.end(),
                                 [time](const State::Entry& entry) { return entry.time >= time; });
    if (at != waiting.end() && at->time == time) {
      ++at->count;
      return true;
    }
    waiting.insert(at, {time, 1});
    if (waiting.size() <= kWaitingMax) return true;
    waiting.back().count += waiting[kWaitingMax - 1].count;
    waiting.erase(waiting.end() - 2);
    return false;
  }

  void answer(State& state, int64_t time) const {
    state.answer = std::max(state.answer, time);
    std::erase_if(state.waiting, [&](const State::Entry& entry) {
      return entry.time <= time && time <= entry.time + within_;
    });
  }

  // "a or b": the rules of `roles`.
  std::string names(uint64_t roles) const {
    std::string text;
    for (size_t i = 0; i < rules_.size(); ++i) {
      if ((roles >> i & 1) != 0) text += (text.empty() ? "" : " or ") + rules_[i];
    }
    return text;
  }

  Judgement judgement(const State& state, bool holds, uint64_t value) const {
    Judgement out{.holds = holds, .value = static_cast<double>(value)};
    if (!state.waiting.empty()) {
      // Whoever waits must not be forgotten in favour of others: its alert would be lost.
      constexpr double kNear = 0.9;
      out.progress = kNear;
      out.wake = timestamp_ms(state.waiting.front().time + within_);
    }
    return out;
  }

  Options options_;
  std::vector<std::string> rules_;  // by role
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
  return std::make_unique<Absence>(options, options.wiring.rules);
}

}  // namespace picket
