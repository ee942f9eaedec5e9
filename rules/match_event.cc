#include "rules/match_event.h"

#include <algorithm>

#include "rules/predicate.h"

namespace picket {

void MatchEvent::set(const CorrelationProgram& inner, std::vector<std::string> values,
                     Timestamp time) {
  values_ = std::move(values);
  event_.begin();
  event_.time = time;
  event_.timed = true;
  for (size_t i = 0; i < std::min(values_.size(), inner.group_by.size()); ++i) {
    // A name that nobody interned is one that no exception looks at.
    if (auto field = rules_.fields().find(inner.group_by[i])) {
      event_.set(*field, string_value(values_[i]));
    }
  }
}

bool MatchEvent::passes(uint32_t guard) {
  const CompiledCondition& condition = rules_.guards()[guard];
  return run(condition, condition.root);
}

bool MatchEvent::any_string(ElementVisitor visit, void* state) {
  return std::any_of(values_.begin(), values_.end(),
                     [&](const std::string& value) { return visit(state, string_value(value)); });
}

bool MatchEvent::run(const CompiledCondition& condition, uint32_t node) {
  const ConditionNode& at = condition.nodes[node];
  if (at.kind == ConditionNode::Kind::Leaf) return holds(rules_.predicates()[at.first], event_);
  const auto first = condition.children.begin() + at.first;
  const auto child = [&](uint32_t index) { return run(condition, index); };
  if (at.kind == ConditionNode::Kind::And) return std::all_of(first, first + at.count, child);
  if (at.kind == ConditionNode::Kind::Or) return std::any_of(first, first + at.count, child);
  return !child(*first);
}

}  // namespace picket
