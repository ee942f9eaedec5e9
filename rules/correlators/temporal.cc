// temporal: several rules matched within the timespan, in any order; all of them, a number of
// different ones, or what an expression over them says.
//
// Memory per group: a time per rule. With "not" in the expression see pending_windows.h; with
// bounds that an empty window satisfies see sliding_window.h (the newest 4,096 events).
#include <fmt/format.h>

#include <bit>

#include "rules/correlators/option_reader.h"
#include "rules/pending_windows.h"
#include "rules/role_expression.h"
#include "rules/sliding_window.h"

namespace picket {
namespace {

// The roles by the first place of their rule.
uint64_t fold(uint64_t roles, const std::vector<uint32_t>& places) {
  uint64_t folded = 0;
  for (; roles != 0; roles &= roles - 1) {
    folded |= uint64_t{1} << places[static_cast<size_t>(std::countr_zero(roles))];
  }
  return folded;
}

std::string listed(const std::vector<std::string>& rules, uint64_t roles) {
  std::string list;
  for (size_t i = 0; i < rules.size(); ++i) {
    if ((roles >> i & 1) != 0) list += (list.empty() ? "" : ", ") + rules[i];
  }
  return list.empty() ? "none" : list;
}

class State final : public GroupState {
 public:
  static constexpr int64_t kNever = INT64_MIN;
  explicit State(size_t rules) : last(rules, kNever) {}
  size_t bytes() const override { return sizeof(*this) + last.capacity() * sizeof(int64_t); }
  void encode(std::string& out) const override {
    for (int64_t time : last) put_bytes(out, time);
  }
  bool decode(std::string_view in) override {
    for (int64_t& time : last) {
      if (!take_bytes(in, time)) return false;
    }
    return in.empty();
  }
  uint64_t within(int64_t first) const {
    uint64_t roles = 0;
    for (size_t i = 0; i < last.size(); ++i) {
      roles |= uint64_t{last[i] != kNever && last[i] >= first} << i;
    }
    return roles;
  }

  std::vector<int64_t> last;  // by role
};

struct Shape {
  std::vector<std::string> rules;
  std::vector<uint32_t> places;
  uint64_t all = 0;  // one bit per different rule
  std::string expression;
  Duration timespan{0};
};

class Temporal final : public Correlator {
 public:
  Temporal(Shape shape, std::optional<Bounds> bounds, std::optional<RoleExpression> expression)
      : shape_(std::move(shape)), bounds_(std::move(bounds)), expression_(std::move(expression)) {}

  std::unique_ptr<GroupState> make_state() const override {
    return std::make_unique<State>(shape_.rules.size());
  }

  Judgement process(GroupState& base, const GroupHit& hit) const override {
    auto& state = static_cast<State&>(base);
    int64_t now = to_ms(hit.time);
    for (uint64_t left = fold(hit.roles, shape_.places); left != 0; left &= left - 1) {
      int64_t& last = state.last[static_cast<size_t>(std::countr_zero(left))];
      last = std::max(last, now);
    }
    now = std::max(now, *std::max_element(state.last.begin(), state.last.end()));
    uint64_t seen = state.within(now - shape_.timespan.count());
    auto count = static_cast<double>(std::popcount(seen));
    double goal = bounds_ ? bounds_->goal() : std::popcount(shape_.all);
    Judgement judgement;
    judgement.value = count;
    judgement.holds = expression_ ? expression_->holds(seen)
                      : bounds_   ? bounds_->holds(count)
                                  : seen == shape_.all;
    judgement.progress = judgement.holds ? 1 : std::min(0.99, count / std::max(goal, 1.0));
    return judgement;
  }

  // "seen: a; missing: b, c within 40 s"
  std::string describe(const GroupState& base, Timestamp now) const override {
    const auto& state = static_cast<const State&>(base);
    const int64_t first = bounded_ms(now) - shape_.timespan.count();
    const uint64_t seen = state.within(first) & shape_.all;
    int64_t oldest = bounded_ms(now);
    for (const int64_t time : state.last) {
      if (time != State::kNever && time >= first) oldest = std::min(oldest, time);
    }
    const std::string left = " within " + time_left_text(Duration(oldest - first));
    const std::string text = "seen: " + listed(shape_.rules, seen);
    const std::string missing = listed(shape_.rules, shape_.all & ~seen);
    if (expression_) {
      return fmt::format("{}; '{}' {}; not seen: {}{}", text, shape_.expression,
                         expression_->holds(seen) ? "holds" : "does not hold yet", missing, left);
    }
    const auto count = static_cast<double>(std::popcount(seen));
    if (bounds_ && bounds_->holds(count)) return fmt::format("{}; {} holds", text, bounds_->text());
    if (!bounds_) return text + "; missing: " + missing + (missing == "none" ? "" : left);
    return fmt::format("{}; {} different ones wanted; not seen: {}{}", text, bounds_->text(),
                       missing, left);
  }

 private:
  Shape shape_;
  std::optional<Bounds> bounds_;
  std::optional<RoleExpression> expression_;
};

class TemporalNot final : public Correlator {
 public:
  TemporalNot(Shape shape, RoleExpression expression)
      : shape_(std::move(shape)), expression_(std::move(expression)) {}

  std::unique_ptr<GroupState> make_state() const override {
    return std::make_unique<PendingWindows>();
  }

  Judgement process(GroupState& base, const GroupHit& hit) const override {
    auto& state = static_cast<PendingWindows&>(base);
    state.add(hit.time, fold(hit.roles, shape_.places));
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
    // What is kept lies within the window that begins with the first event and ends now.
    judgement.holds = expression_.holds(state.roles());
    judgement.value = std::popcount(state.roles());
    while (!state.events.empty() && state.events.front().time + shape_.timespan <= now) {
      state.drop_first();
    }
    wait(state, judgement);
    return judgement;
  }

  // "seen: a; must not come: b; judged in 40 s"
  std::string describe(const GroupState& base, Timestamp now) const override {
    const auto& state = static_cast<const PendingWindows&>(base);
    const uint64_t seen = state.roles();
    std::string text =
        fmt::format("seen: {}; '{}' {}; not seen: {}", listed(shape_.rules, seen & shape_.all),
                    shape_.expression, expression_.holds(seen) ? "holds so far" : "does not hold",
                    listed(shape_.rules, shape_.all & ~seen));
    const auto start =
        std::find_if(state.events.begin(), state.events.end(),
                     [&](const auto& event) { return (event.roles & expression_.wanted()) != 0; });
    if (start == state.events.end()) return text + "; no window has begun";
    return text + "; judged in " + time_left_text(start->time + shape_.timespan - now);
  }

 private:
  void wait(PendingWindows& state, Judgement& judgement) const {
    std::optional<Timestamp> start = state.drop_until_start(expression_.wanted());
    judgement.progress = judgement.holds ? 1 : start ? 0.6 : 0;
    if (start) judgement.wake = *start + shape_.timespan;
  }

  Shape shape_;
  RoleExpression expression_;
};

// How many different rules a window has, by the first places of rules.
struct RolesMeasure {
  struct Options {
    std::vector<uint32_t> places;
  };
  static constexpr bool kDistinct = false;
  static uint64_t payload(const GroupHit& hit) { return hit.roles; }
  void add(uint64_t payload) { change(payload, 1); }
  void remove(uint64_t payload) { change(payload, -1); }
  std::optional<double> value(const Options& options) const {
    uint64_t seen = 0;
    for (size_t i = 0; i < kRolesMax; ++i) seen |= uint64_t{counts[i] > 0} << i;
    return std::popcount(fold(seen, options.places));
  }
  size_t bytes() const { return 0; }
  void change(uint64_t roles, int32_t by) {
    for (; roles != 0; roles &= roles - 1)
      counts[static_cast<size_t>(std::countr_zero(roles))] += by;
  }

  std::array<int32_t, kRolesMax> counts{};
};

}  // namespace

Result<std::unique_ptr<Correlator>> make_temporal(const CorrelationSpec& spec) {
  Shape shape{.rules = spec.rules,
              .places = first_places(spec),
              .all = 0,
              .expression = spec.condition.expression,
              .timespan = spec.timespan};
  for (uint32_t place : shape.places) shape.all |= uint64_t{1} << place;
  if (!spec.condition.expression.empty()) {
    PICKET_TRY(RoleExpression expression, RoleExpression::parse(spec));
    if (expression.has_not()) {
      return std::make_unique<TemporalNot>(std::move(shape), std::move(expression));
    }
    return std::make_unique<Temporal>(std::move(shape), std::nullopt, std::move(expression));
  }
  if (spec.condition.bounds.empty()) {
    return std::make_unique<Temporal>(std::move(shape), std::nullopt, std::nullopt);
  }
  PICKET_TRY(Bounds bounds, Bounds::read(spec, Bounds::Of::Counts));
  if (bounds.goal() > std::popcount(shape.all)) {
    return fail(spec.head.where, fmt::format("{} rules can never be {} different ones",
                                             std::popcount(shape.all), bounds.goal()));
  }
  if (!bounds.holds(0)) {
    return std::make_unique<Temporal>(std::move(shape), std::move(bounds), std::nullopt);
  }
  WindowSpec window{.bounds = std::move(bounds),
                    .timespan = spec.timespan,
                    .at_end = true,
                    .unit = "the number of different rules"};
  return std::make_unique<WindowCorrelator<RolesMeasure>>(std::move(window),
                                                          RolesMeasure::Options{shape.places});
}

}  // namespace picket
