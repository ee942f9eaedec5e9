// temporal_ordered: the rules matched in their order, all within the timespan.
//
// For each step the state keeps the latest beginning of a sequence that has come that far. A later
// beginning is never worse, so one number per step decides exactly, without keeping events. With
// "not" in the expression windows are kept instead, see pending_windows.h.
//
// One event may be several steps that follow each other, if their rules are different ones.
#include <fmt/format.h>

#include <bit>

#include "rules/bounds.h"
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

// Takes an event into `begun`, by step the latest beginning of a sequence that ends there.
void advance(const Steps& steps, std::vector<int64_t>& begun, int64_t time, uint64_t roles) {
  const std::vector<int64_t> before = begun;
  for (size_t first = 0; first < begun.size(); ++first) {
    int64_t start = first == 0 ? time : before[first - 1];
    if (start == kNever) continue;
    uint64_t used = 0;
    for (size_t step = first; step < begun.size(); ++step) {
      uint64_t rule = uint64_t{1} << steps.places[step];
      if ((roles >> steps.roles[step] & 1) == 0 || (used & rule) != 0) break;
      used |= rule;
      begun[step] = std::max(begun[step], start);
    }
  }
}

class State final : public GroupState {
 public:
  explicit State(size_t steps) : begun(steps, kNever) {}
  size_t bytes() const override { return sizeof(*this) + begun.capacity() * sizeof(int64_t); }
  void encode(std::string& out) const override {
    for (int64_t time : begun) put_bytes(out, time);
  }
  bool decode(std::string_view in) override {
    for (int64_t& time : begun) {
      if (!take_bytes(in, time)) return false;
    }
    return in.empty();
  }

  std::vector<int64_t> begun;
};

// "2 of 3 steps; next: c"
std::string progress_text(const Steps& steps, const std::vector<int64_t>& begun, int64_t first) {
  size_t done = 0;
  for (size_t i = 0; i < begun.size(); ++i) {
    if (begun[i] != kNever && begun[i] >= first) done = i + 1;
  }
  std::string text = fmt::format("{} of {} steps", done, begun.size());
  return done < begun.size() ? text + "; next: " + steps.names[done] : text;
}

class Ordered final : public Correlator {
 public:
  Ordered(Steps steps, Duration timespan) : steps_(std::move(steps)), timespan_(timespan) {}

  std::unique_ptr<GroupState> make_state() const override {
    return std::make_unique<State>(steps_.roles.size());
  }

  Judgement process(GroupState& base, const GroupHit& hit) const override {
    auto& begun = static_cast<State&>(base).begun;
    advance(steps_, begun, to_ms(hit.time), hit.roles);
    int64_t first = to_ms(hit.time) - timespan_.count();
    size_t done = 0;
    for (size_t i = 0; i < begun.size(); ++i) {
      if (begun[i] != kNever && begun[i] >= first) done = i + 1;
    }
    Judgement judgement;
    judgement.holds = done == begun.size();
    judgement.value = static_cast<double>(done);
    judgement.progress = static_cast<double>(done) / static_cast<double>(begun.size());
    return judgement;
  }

  std::string describe(const GroupState& base, Timestamp now) const override {
    return progress_text(steps_, static_cast<const State&>(base).begun,
                         to_ms(now) - timespan_.count());
  }

 private:
  Steps steps_;
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

  std::string describe(const GroupState& base, Timestamp /*now*/) const override {
    const auto& state = static_cast<const PendingWindows&>(base);
    std::vector<int64_t> begun(steps_.roles.size(), kNever);
    for (const auto& event : state.events) advance(steps_, begun, to_ms(event.time), event.roles);
    return progress_text(steps_, begun, kNever + 1) + "; judged when the window ends";
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
    if (bounds.goal() != static_cast<double>(steps.roles.size())) {
      return fail(spec.head.where, "temporal_ordered asks for all of its rules",
                  "leave the number out, or write temporal");
    }
  }
  if (!condition) return std::make_unique<Ordered>(std::move(steps), spec.timespan);
  return std::make_unique<OrderedNot>(std::move(steps), *std::move(condition), spec.timespan);
}

}  // namespace picket
