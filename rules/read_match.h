// Selections: the named parts of `detection`, from YAML to MatchTree.
//
// A map is an AND over its fields, a list of maps an OR, a list of texts an OR of keywords. A field
// with several values is an OR over them, an AND with |all, and the NOT of that with |neq. All
// modifiers end up in the Predicates; nothing later needs to know how a rule was written.
//
// Thread rule: pure functions over an immutable Node.
#pragma once

#include "rules/read_context.h"
#include "rules/rule_spec.h"

namespace picket {

// The tree of one selection. On a problem it reports into `context` and returns what it has; the
// caller drops the rule.
MatchTree read_selection(const Node& node, ReadContext& context);

// And or Or over `children`; a single child stands for itself.
MatchTree combine(MatchTree::Kind kind, std::vector<MatchTree> children);
MatchTree negate(MatchTree child);

}  // namespace picket
