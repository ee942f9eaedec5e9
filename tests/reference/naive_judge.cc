// Sigma's types (see naive_judge.h). The types beyond Sigma are in naive_judge_own.cc.
#include "tests/reference/naive_judge.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "tests/reference/naive_judge_own.h"

namespace picket {
namespace {

using Expression = NaiveExpression;
using Hits = std::vector<NaiveHit>;

// Expressions over rule names.

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    const bool alone = c == '(' || c == ')';
    if (c == ' ' || c == '\n' || alone) words.emplace_back();
    if (c == ' ' || c == '\n') continue;
    words.back() += c;
    if (alone) words.emplace_back();
  }
  std::erase(words, "");
  return words;
}

class ExpressionReader {
 public:
  // `role` says which role a rule has.
  ExpressionReader(const std::string& text, std::function<size_t(const std::string&)> role)
      : words_(words_of(text)), role_(std::move(role)) {}

  Expression any() {
    Expression e{.kind = Expression::Kind::Or};
    do e.children.push_back(all());
    while (take("or"));
    return e;
  }

 private:
  bool take(const char* word) {
    if (at_ == words_.size() || words_[at_] != word) return false;
    ++at_;
    return true;
  }
  Expression all() {
    Expression e{.kind = Expression::Kind::And};
    do e.children.push_back(one());
    while (take("and"));
    return e;
  }
  Expression one() {
    if (take("not")) return {.kind = Expression::Kind::Not, .children = {one()}};
    if (take("(")) {
      Expression inside = any();
      take(")");
      return inside;
    }
    return {.role = role_(words_[at_++])};
  }

  std::vector<std::string> words_;
  std::function<size_t(const std::string&)> role_;
  size_t at_ = 0;
};

bool satisfied(const Expression& e, uint64_t roles) {
  const auto inside = [&](const Expression& child) { return satisfied(child, roles); };
  switch (e.kind) {
    case Expression::Kind::Rule:
      return roles >> e.role & 1;
    case Expression::Kind::And:
      return std::all_of(e.children.begin(), e.children.end(), inside);
    case Expression::Kind::Or:
      return std::any_of(e.children.begin(), e.children.end(), inside);
    case Expression::Kind::Not:
      return !satisfied(e.children.front(), roles);
  }
  return false;
}

// The rules inside a `not`, or those outside.
uint64_t named(const Expression& e, bool negated, bool inside = false) {
  if (e.kind == Expression::Kind::Rule) return negated == inside ? uint64_t{1} << e.role : 0;
  uint64_t roles = 0;
  for (const Expression& child : e.children) {
    roles |= named(child, negated, inside || e.kind == Expression::Kind::Not);
  }
  return roles;
}

// Windows.

// Those with first <= time <= last, by time; equal times as they were processed.
Hits between(const Hits& hits, Timestamp first, Timestamp last) {
  Hits window;
  for (const NaiveHit& hit : hits) {
    if (hit.time >= first && hit.time <= last) window.push_back(hit);
  }
  std::stable_sort(window.begin(), window.end(),
                   [](const auto& a, const auto& b) { return a.time < b.time; });
  return window;
}

uint64_t roles_of(const Hits& window) {
  uint64_t roles = 0;
  for (const NaiveHit& hit : window) roles |= hit.roles;
  return roles;
}

// The roles that have to match in order.
std::vector<size_t> steps_of(const NaiveRule& rule) {
  std::vector<size_t> steps(rule.references.size());
  std::iota(steps.begin(), steps.end(), size_t{0});
  if (rule.expression) {
    const uint64_t wanted = named(*rule.expression, false);
    std::erase_if(steps, [&](size_t role) {
      // A rule that is listed twice stands in the expression by its first place.
      const auto first = std::find(rule.sources.begin(), rule.sources.end(), rule.sources[role]);
      return (wanted >> (first - rule.sources.begin()) & 1) == 0;
    });
  }
  return steps;
}

// Tries every way to go on with step `step` at hit `at` or later. `used` are the rules that hit
// `at` already stands for.
bool sequence(const NaiveRule& rule, const std::vector<size_t>& steps, size_t step,
              const Hits& window, size_t at, std::set<size_t> used) {
  if (step == steps.size()) return true;
  for (size_t i = at; i < window.size(); ++i) {
    if (i != at) used.clear();
    const size_t source = rule.sources[steps[step]];
    if ((window[i].roles >> steps[step] & 1) == 0 || used.contains(source)) continue;
    std::set<size_t> now = used;
    now.insert(source);
    if (sequence(rule, steps, step + 1, window, i, now)) return true;
  }
  return false;
}

// Most steps from `step` on, some left out, that hits from `at` on can be in order.
size_t longest(const NaiveRule& rule, const std::vector<size_t>& steps, size_t step,
               const Hits& window, size_t at, std::set<size_t> used) {
  if (step == steps.size()) return 0;
  size_t most = longest(rule, steps, step + 1, window, at, used);
  for (size_t i = at; i < window.size(); ++i) {
    if (i != at) used.clear();
    const size_t source = rule.sources[steps[step]];
    if ((window[i].roles >> steps[step] & 1) == 0 || used.contains(source)) continue;
    std::set<size_t> now = used;
    now.insert(source);
    most = std::max(most, 1 + longest(rule, steps, step + 1, window, i, now));
  }
  return most;
}

bool in_order(const NaiveRule& rule, const Hits& window) {
  return sequence(rule, steps_of(rule), 0, window, 0, {});
}

// Measures.

std::vector<double> numbers_of(const Hits& window) {
  std::vector<double> numbers;
  for (const NaiveHit& hit : window) {
    if (hit.number) numbers.push_back(*hit.number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::optional<double> measure_numbers(const NaiveRule& rule, const Hits& window) {
  const std::vector<double> numbers = numbers_of(window);
  const size_t n = numbers.size();
  const double sum = std::accumulate(numbers.begin(), numbers.end(), 0.0);
  if (rule.type() == "value_sum") return sum;
  if (n == 0) return std::nullopt;
  if (rule.type() == "value_avg") return sum / static_cast<double>(n);
  if (rule.type() == "value_median") {
    return n % 2 == 1 ? numbers[n / 2] : (numbers[n / 2 - 1] + numbers[n / 2]) / 2;
  }
  // Multiplied first: 55 / 100 * 20 is a little more than 11 in binary.
  const double place = std::ceil(rule.spec->condition.percentile * static_cast<double>(n) / 100);
  return numbers[place < 1 ? 0 : static_cast<size_t>(place) - 1];
}

std::optional<double> measure(const NaiveRule& rule, const Hits& window) {
  if (rule.type() == "event_count") return static_cast<double>(window.size());
  if (rule.type() == "value_count") {
    std::set<std::string> values;
    for (const NaiveHit& hit : window) values.insert(*hit.value);
    return static_cast<double>(values.size());
  }
  if (!rule.type().starts_with("temporal")) return measure_numbers(rule, window);
  if (rule.type() == "temporal_ordered") {
    return static_cast<double>(longest(rule, steps_of(rule), 0, window, 0, {}));
  }
  std::set<size_t> matched;
  for (size_t role = 0; role < rule.sources.size(); ++role) {
    if (roles_of(window) >> role & 1) matched.insert(rule.sources[role]);
  }
  return static_cast<double>(matched.size());
}

bool within_bounds(const NaiveRule& rule, std::optional<double> measured) {
  if (!measured) return false;
  for (const auto& [comparison, bound] : rule.spec->condition.bounds) {
    const bool holds[] = {*measured > bound,  *measured >= bound, *measured < bound,
                          *measured <= bound, *measured == bound, *measured != bound};
    if (!holds[static_cast<size_t>(comparison)]) return false;
  }
  return true;
}

bool counts(const NaiveRule& rule) {
  return !naive_own_type(rule) && !rule.expression && !rule.spec->condition.bounds.empty();
}

bool window_holds(const NaiveRule& rule, const Hits& window) {
  if (counts(rule)) return within_bounds(rule, measure(rule, window));
  if (rule.expression && !satisfied(*rule.expression, roles_of(window))) return false;
  if (rule.type() == "temporal_ordered") return in_order(rule, window);
  if (rule.expression) return true;
  for (size_t role = 0; role < rule.sources.size(); ++role) {
    if ((roles_of(window) >> role & 1) == 0) return false;
  }
  return true;
}

// Whether the window that begins with the events of time `first` satisfies an expression with
// `not`.
bool opening_holds(const NaiveRule& rule, const Hits& window, Timestamp first) {
  if (!satisfied(*rule.expression, roles_of(window))) return false;
  if (rule.type() != "temporal_ordered") return true;
  const std::vector<size_t> steps = steps_of(rule);
  for (size_t i = 0; i < window.size() && window[i].time == first; ++i) {
    if ((window[i].roles >> steps[0] & 1) == 0) continue;
    if (sequence(rule, steps, 1, window, i, {rule.sources[steps[0]]})) return true;
  }
  return false;
}

bool negates(const NaiveRule& rule) {
  return rule.expression && named(*rule.expression, true) != 0;
}

}  // namespace

NaiveRule make_naive_rule(const CorrelationSpec& spec,
                          const std::function<size_t(const std::string&)>& find) {
  NaiveRule rule{.spec = &spec};
  rule.references = spec.rules;
  rule.fields = spec.condition.fields;
  read_own_options(spec, rule);
  rule.resolve_after = spec.head.picket.resolve_after.value_or(naive_timespan(spec));
  for (const std::string& name : rule.references) rule.sources.push_back(find(name));
  if (!spec.condition.expression.empty()) {
    const auto role = [&](const std::string& name) {
      const auto first = std::find(rule.sources.begin(), rule.sources.end(), find(name));
      return static_cast<size_t>(first - rule.sources.begin());
    };
    rule.expression = ExpressionReader(spec.condition.expression, role).any();
  }
  return rule;
}

bool naive_waits(const NaiveRule& rule) {
  if (naive_own_type(rule)) return rule.type() == "absence";
  return counts(rule) ? within_bounds(rule, measure(rule, {})) : negates(rule);
}

bool naive_ignores(const NaiveRule& rule, const NaiveHit& hit) {
  if (naive_own_type(rule)) return !rule.fields.empty() && !hit.value;
  if (rule.type() == "value_count") return !hit.value;
  return rule.type().starts_with("value_") && !hit.number;
}

bool naive_holds(const NaiveRule& rule, const Hits& hits) {
  if (naive_own_type(rule)) return naive_own_holds(rule, hits);
  const Timestamp now = hits.back().time;
  return window_holds(rule, between(hits, now - rule.spec->timespan, now));
}

std::vector<Timestamp> naive_moments(const NaiveRule& rule, const Hits& hits) {
  std::vector<Timestamp> moments;
  const Duration span = naive_timespan(*rule.spec);
  if (counts(rule) && !hits.empty()) moments.push_back(hits.front().time + span);
  for (const NaiveHit& hit : hits) {
    if (counts(rule)) {
      moments.push_back(hit.time + span + Duration(1));
    } else if (rule.type() == "absence" ? (hit.roles & 1) != 0
                                        : (hit.roles & named(*rule.expression, false)) != 0) {
      moments.push_back(hit.time + span);
    }
  }
  return moments;
}

bool naive_holds_at(const NaiveRule& rule, const Hits& hits, Timestamp moment) {
  const Timestamp first = moment - naive_timespan(*rule.spec);
  const Hits window = between(hits, first, moment);
  if (counts(rule)) return window_holds(rule, window);
  if (rule.type() != "absence") return opening_holds(rule, window, first);
  // Role 0 is `after`; all others are `missing`.
  return (roles_of(window) & ~uint64_t{1}) == 0;
}

bool naive_forgets(const NaiveRule& rule, const Hits& hits, Timestamp moment) {
  return counts(rule) && between(hits, moment - rule.spec->timespan, moment).empty();
}

}  // namespace picket
