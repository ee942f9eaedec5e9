// temporal_ordered: the rules matched in their order, all within the timespan; or as many of them
// as the condition asks for.
//
// For each step the state keeps the latest beginning of a sequence that has come that far. A later
// beginning is never worse, so one number per step decides exactly, without keeping events. With
// "not" in the expression windows are kept instead, see pending_windows.h.
//
// With a number, as in {gte: 2}, some of the rules may be left out: what counts is the longest
// sequence in the order of the rules. Of [a, b, c] then "a, c" is as good as "a, b", where fewer
// rules under `rules` would do if it had to be a beginning of the list. The state keeps the latest
// beginning per step and length, up to the highest bound.
//
// Late events: beside its beginning each sequence has its end, and an event that is older than that
// does not continue it. An older sequence that it would continue is forgotten by then, so this errs
// towards silence.
//
// One event may be several steps that follow each other, if their rules are different ones.
// Tested by temporal_test.cc.
#include <fmt/format.h>

#include <bit>

#include "rules/bounds.h"
#include "rules/correlators/option_reader.h"
#include "rules/pending_windows.h"
#include "rules/role_expression.h"

namespace picket {
namespace {

constexpr int64_t kNever = INT64_MIN;

struct Steps {
  std::vector<uint32_t> roles;   // the role of each step
  std::vector<uint32_t> places;  // the first place of its rule: equal ones are the same rule
  std::vector<std::string> names;
};

struct Sequence {
  int64_t begun = kNever;
  int64_t ended = kNever;
};

// Of two that came equally far the one that began later is better, then the one that ended earlier.
void improve(Sequence& known, Sequence found) {
  const bool later = found.begun > known.begun;
  if (later || (found.begun == known.begun && found.ended < known.ended)) known = found;
}

bool is_step(const Steps& steps, size_t step, uint64_t roles) {
  return (roles >> steps.roles[step] & 1) != 0;
}

// Takes an event into `known`, by step the best sequence that ends there. From the last step to the
// first, so that what is read is what was known before.
void advance(const Steps& steps, std::vector<Sequence>& known, int64_t time, uint64_t roles) {
  for (size_t first = known.size(); first-- > 0;) {
    if (!is_step(steps, first, roles)) continue;
    const Sequence before = first == 0 ? Sequence{time, time} : known[first - 1];
    if (before.begun == kNever || before.ended > time) continue;
    uint64_t used = 0;
    for (size_t step = first; step < known.size(); ++step) {
      uint64_t rule = uint64_t{1} << steps.places[step];
      if (!is_step(steps, step, roles) || (used & rule) != 0) break;
      used |= rule;
      improve(known[step], {before.begun, time});
    }
  }
}

class State final : public GroupState {
 public:
  explicit State(size_t sequences) : known(sequences) {}
  size_t bytes() const override { return sizeof(*this) + known.capacity() * sizeof(Sequence); }
  void encode(std::string& out) const override {
    for (const Sequence& sequence : known) {
      put_bytes(out, sequence.begun);
      put_bytes(out, sequence.ended);
    }
  }
  bool decode(std::string_view in) override {
    for (Sequence& sequence : known) {
      if (!take_bytes(in, sequence.begun) || !take_bytes(in, sequence.ended)) return false;
    }
    return in.empty();
  }

  std::vector<Sequence> known;
};

bool is_within(const Sequence& sequence, int64_t first) {
  return sequence.begun != kNever && sequence.begun >= first;
}

// How many steps the longest sequence has that began at `first` or later.
size_t steps_done(const std::vector<Sequence>& known, int64_t first) {
  size_t done = 0;
  for (size_t i = 0; i < known.size(); ++i) {
    if (is_within(known[i], first)) done = i + 1;
  }
  return done;
}

// "2 of 3 steps; next: c"
std::string progress_text(const Steps& steps, const std::vector<Sequence>& known, int64_t first) {
  const size_t done = steps_done(known, first);
  std::string text = fmt::format("{} of {} steps", done, known.size());
  if (done == known.size()) return text;
  text += "; missing: " + steps.names[done];
  for (size_t i = done + 1; i < known.size(); ++i) text += ", then " + steps.names[i];
  return text;
}

class Ordered final : public Correlator {
 public:
  Ordered(Steps steps, Duration timespan) : steps_(std::move(steps)), timespan_(timespan) {}

  std::unique_ptr<GroupState> make_state() const override {
    return std::make_unique<State>(steps_.roles.size());
  }

  uint64_t first_roles() const override { return uint64_t{1} << steps_.roles.front(); }

  Judgement process(GroupState& base, const GroupHit& hit) const override {
    auto& known = static_cast<State&>(base).known;
    advance(steps_, known, to_ms(hit.time), hit.roles);
    const size_t done = steps_done(known, to_ms(hit.time) - timespan_.count());
    Judgement judgement;
    judgement.holds = done == known.size();
    judgement.value = static_cast<double>(done);
    judgement.progress = static_cast<double>(done) / static_cast<double>(known.size());
    return judgement;
  }

  std::string describe(const GroupState& base, Timestamp now) const override {
    const auto& known = static_cast<const State&>(base).known;
    const int64_t first = bounded_ms(now) - timespan_.count();
    std::string text = progress_text(steps_, known, first);
    const size_t done = steps_done(known, first);
    if (done == 0 || done == known.size()) return text;
    return text + " within " + time_left_text(Duration(known[done - 1].begun - first));
  }

 private:
  Steps steps_;
  Duration timespan_;
};

// As many of the steps as the bounds ask for. Sequences of `length` steps that end with step `i`
// are at `i * lengths_ + length - 1`.
class OrderedSome final : public Correlator {
 public:
  OrderedSome(Steps steps, Bounds bounds, Duration timespan)
      : steps_(std::move(steps)),
        bounds_(std::move(bounds)),
        lengths_(std::min<size_t>(steps_.roles.size(), bounds_.count_enough())),
        timespan_(timespan) {}

  std::unique_ptr<GroupState> make_state() const override {
    return std::make_unique<State>(steps_.roles.size() * lengths_);
  }

  Judgement process(GroupState& base, const GroupHit& hit) const override {
    auto& known = static_cast<State&>(base).known;
    advance(known, to_ms(hit.time), hit.roles);
    const auto done = static_cast<double>(longest(known, to_ms(hit.time) - timespan_.count()));
    return {bounds_.holds(done), done, bounds_.progress(done), {}};
  }

  std::string describe(const GroupState& base, Timestamp now) const override {
    const auto& known = static_cast<const State&>(base).known;
    const int64_t first = bounded_ms(now) - timespan_.count();
    const size_t done = longest(known, first);
    const bool holding = bounds_.holds(static_cast<double>(done));
    std::string text = fmt::format("{} of {} steps in order, {} {}", done, steps_.roles.size(),
                                   bounds_.text(), holding ? "holds" : "wanted");
    if (holding) return text;
    size_t step = 0;  // the first that may come next
    int64_t begun = bounded_ms(now);
    if (done > 0) {
      while (!is_within(at(known, step, done), first)) ++step;
      begun = at(known, step++, done).begun;
    }
    std::string next;
    for (; step < steps_.names.size(); ++step) {
      next += (next.empty() ? "" : " or ") + steps_.names[step];
    }
    if (next.empty()) return text + " within " + time_left_text(timespan_);
    return fmt::format("{}; next: {} within {}", text, next,
                       time_left_text(Duration(begun - first)));
  }

 private:
  Sequence& at(std::vector<Sequence>& known, size_t step, size_t length) const {
    return known[step * lengths_ + length - 1];
  }
  const Sequence& at(const std::vector<Sequence>& known, size_t step, size_t length) const {
    return known[step * lengths_ + length - 1];
  }

  // As the other one, with steps left out: a sequence may go on with any later step of the event,
  // and on from there with as many more as the event has different rules in between.
  void advance(std::vector<Sequence>& known, int64_t time, uint64_t roles) const {
    for (size_t step = steps_.roles.size(); step-- > 0;) {
      if (!is_step(steps_, step, roles)) continue;
      uint64_t rules = 0;  // of the event's steps from `first` to `step`
      for (size_t first = step + 1; first-- > 0;) {
        if (is_step(steps_, first, roles)) rules |= uint64_t{1} << steps_.places[first];
        const auto more = static_cast<size_t>(std::popcount(rules));
        for (size_t length = 0; length < lengths_; ++length) {
          if (length > 0 && first == 0) break;
          const Sequence before = length == 0 ? Sequence{time, time} : at(known, first - 1, length);
          if (before.begun == kNever || before.ended > time) continue;
          const size_t limit = std::min(lengths_, length + more);
          for (size_t longer = length + 1; longer <= limit; ++longer) {
            improve(at(known, step, longer), {before.begun, time});
          }
        }
      }
    }
  }

  size_t longest(const std::vector<Sequence>& known, int64_t first) const {
    size_t done = 0;
    for (size_t i = 0; i < known.size(); ++i) {
      if (is_within(known[i], first)) done = std::max(done, i % lengths_ + 1);
    }
    return done;
  }

  Steps steps_;
  Bounds bounds_;
  size_t lengths_;
  Duration timespan_;
};

class OrderedNot final : public Correlator {
 public:
  OrderedNot(Steps steps, RoleExpression expression, Duration timespan)
      : steps_(std::move(steps)),
        expression_(std::move(expression)),
        start_(uint64_t{1} << steps_.roles[0]),
        timespan_(timespan) {}

  std::unique_ptr<GroupState> make_state() const override {
    return std::make_unique<PendingWindows>();
  }

  Judgement process(GroupState& base, const GroupHit& hit) const override {
    auto& state = static_cast<PendingWindows&>(base);
    state.add(hit.time, hit.roles);
    Judgement judgement;
    while (state.events.size() > PendingWindows::kEventsMax) {
      state.drop_first();
      ++judgement.forgotten;
    }
    wait(state, judgement);
    return judgement;
  }

  Judgement on_time(GroupState& base, Timestamp now) const override {
    auto& state = static_cast<PendingWindows&>(base);
    Judgement judgement;
    // Events of one time each begin a window that ends now. An unwanted event that was read before
    // another of the same time lies within the windows of both.
    bool clean = expression_.holds(state.roles() | expression_.wanted());
    while (!state.events.empty() && state.events.front().time + timespan_ <= now) {
      if (clean && !judgement.holds) judgement.holds = sequence_from_first(state);
      state.drop_first();
    }
    judgement.value = judgement.holds ? static_cast<double>(steps_.roles.size()) : 0;
    wait(state, judgement);
    return judgement;
  }

  std::string describe(const GroupState& base, Timestamp now) const override {
    const auto& state = static_cast<const PendingWindows&>(base);
    std::vector<Sequence> known(steps_.roles.size());
    for (const auto& event : state.events) advance(steps_, known, to_ms(event.time), event.roles);
    std::string text = progress_text(steps_, known, kNever + 1);
    if (!expression_.holds(state.roles() | expression_.wanted()))
      text += "; what must not come has come";
    const auto start = std::find_if(state.events.begin(), state.events.end(),
                                    [&](const auto& event) { return (event.roles & start_) != 0; });
    if (start == state.events.end()) return text + "; no window has begun";
    return text + "; judged in " + time_left_text(start->time + timespan_ - now);
  }

 private:
  // Whether the first event begins a sequence. The earliest end of each step is as good as any.
  bool sequence_from_first(const PendingWindows& state) const {
    if ((state.events.front().roles & start_) == 0) return false;
    size_t step = 0;
    for (const auto& event : state.events) {
      uint64_t used = 0;
      while (step < steps_.roles.size()) {
        uint64_t rule = uint64_t{1} << steps_.places[step];
        if ((event.roles >> steps_.roles[step] & 1) == 0 || (used & rule) != 0) break;
        used |= rule;
        ++step;
      }
      if (step == steps_.roles.size()) return true;
    }
    return false;
  }

  void wait(PendingWindows& state, Judgement& judgement) const {
    std::optional<Timestamp> start = state.drop_until_start(start_);
    judgement.progress = judgement.holds ? 1 : start ? 0.6 : 0;
    if (start) judgement.wake = *start + timespan_;
  }

  Steps steps_;
  RoleExpression expression_;
  uint64_t start_;
  Duration timespan_;
};

}  // namespace

Result<std::unique_ptr<Correlator>> make_temporal_ordered(const CorrelationSpec& spec) {
  const std::vector<uint32_t> places = first_places(spec);
  uint64_t wanted = ~uint64_t{0};
  std::optional<RoleExpression> condition;
  if (!spec.condition.expression.empty()) {
    PICKET_TRY(RoleExpression expression, RoleExpression::parse(spec));
    if (expression.has_or() || (expression.wanted() & expression.unwanted()) != 0) {
      return fail(spec.head.where,
                  "in temporal_ordered a condition is made of 'and' and 'not' only",
                  "which of two comes first has no answer when either will do");
    }
    wanted = expression.wanted();
    if (expression.has_not()) condition = std::move(expression);
  }
  Steps steps;
  for (size_t i = 0; i < spec.rules.size(); ++i) {
    if ((wanted >> places[i] & 1) == 0) continue;
    steps.roles.push_back(static_cast<uint32_t>(i));
    steps.places.push_back(places[i]);
    steps.names.push_back(spec.rules[i]);
  }
  if (!spec.condition.bounds.empty()) {
    PICKET_TRY(Bounds bounds, Bounds::read(spec, Bounds::Of::Counts));
    const auto all = static_cast<double>(steps.roles.size());
    if (bounds.goal() > all) {
      return fail(spec.head.where,
                  fmt::format("{} rules can never be {} steps", all, bounds.goal()));
    }
    if (bounds.holds(0)) {
      return fail(spec.head.where, "temporal_ordered cannot ask for few steps",
                  "that no sequence came about has no order; write temporal, or 'a and not b'");
    }
    if (bounds.goal() < all) {
      return std::make_unique<OrderedSome>(std::move(steps), std::move(bounds), spec.timespan);
    }
  }
  if (!condition) return std::make_unique<Ordered>(std::move(steps), spec.timespan);
  return std::make_unique<OrderedNot>(std::move(steps), *std::move(condition), spec.timespan);
}

}  // namespace picket
