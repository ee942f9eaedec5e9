// WARNING: slow on purpose. Linked into tests only.
//
// What a correlation says of one group, read literally from docs/rules.md: every question is
// answered from the list of all hits of the group, nothing is kept between questions.
//
// Hits lie in the order in which they were processed; for hits that came late that differs from
// the order of their times.
//
// Thread rule: plain values, pure functions.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "rules/rule_spec.h"

namespace picket {

// One event as a correlation sees it.
struct NaiveHit {
  Timestamp time{};                    // that it counts from
  Timestamp came{};                    // of the event
  uint64_t roles = 0;                  // bit i: it matched the i-th of NaiveRule::references
  std::optional<std::string> value{};  // of the counted field or tuple
  std::optional<double> number{};      // of the first counted field
};

struct NaiveExpression {
  enum class Kind : uint8_t { Rule, And, Or, Not };
  Kind kind = Kind::Rule;
  size_t role = 0;
  std::vector<NaiveExpression> children{};
};

// A correlation with its references listed, whatever its type calls them.
struct NaiveRule {
  const CorrelationSpec* spec = nullptr;
  std::vector<std::string> references{};  // as written; a role is an index into this
  std::vector<size_t> sources{};          // what each of them refers to
  std::vector<std::string> fields{};      // counted
  Duration resolve_after{0};
  std::optional<NaiveExpression> expression{};

  const std::string& type() const { return spec->type; }
  const std::string& name() const { return spec->head.name; }
};

// `find` says which rule a name or id refers to.
NaiveRule make_naive_rule(const CorrelationSpec& spec,
                          const std::function<size_t(const std::string&)>& find);

// True when the rule is judged at the end of windows and not on events.
bool naive_waits(const NaiveRule& rule);
// Whether the condition holds with the last of `hits`; nothing when that hit is not judged.
// REQUIRES: !naive_waits(rule), hits is not empty.
bool naive_holds(const NaiveRule& rule, const std::vector<NaiveHit>& hits);
// The moments at which the rule is judged because of `hits`, in any order.
// REQUIRES: naive_waits(rule).
std::vector<Timestamp> naive_moments(const NaiveRule& rule, const std::vector<NaiveHit>& hits);
// Whether the condition holds at one of those moments.
bool naive_holds_at(const NaiveRule& rule, const std::vector<NaiveHit>& hits, Timestamp moment);
// True when a hit is of no interest to the rule at all: it is neither judged nor counted.
bool naive_ignores(const NaiveRule& rule, const NaiveHit& hit);
// True when, the rule having been judged at `moment`, nothing is left of the group.
bool naive_forgets(const NaiveRule& rule, const std::vector<NaiveHit>& hits, Timestamp moment);

}  // namespace picket
