// MatchEvent: the match of a correlation as an event, for the exceptions of correlations that count
// it. Its fields are the group-by values of the inner rule, as texts and under their group-by
// names; its time is that of the match. All other fields are absent.
//
// The predicates are run one by one, without the index that spares that for events: alerts open far
// less often than events come.
//
// Thread rule: the engine's thread. Tested by rule_set_exceptions_test.cc.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "rules/event.h"
#include "rules/rule_set.h"

namespace picket {

class MatchEvent final : private FieldResolver {
 public:
  // `rules` must outlive it.
  explicit MatchEvent(const RuleSet& rules) : rules_(rules), event_(rules.fields().size(), *this) {}

  // `values` are those of the group of `inner`.
  void set(const CorrelationProgram& inner, std::vector<std::string> values, Timestamp time);
  // Whether GuardedFeed::guard holds: no exception applies. REQUIRES: set().
  bool passes(uint32_t guard);

 private:
  void resolve(Event& event, FieldId field) override { event.set(field, Value{}); }
  bool any_element(const Value&, ElementVisitor, void*) override { return false; }
  bool any_string(ElementVisitor visit, void* state) override;
  bool run(const CompiledCondition& condition, uint32_t node);

  const RuleSet& rules_;
  std::vector<std::string> values_;
  Event event_;
};

}  // namespace picket
