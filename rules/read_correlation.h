// Correlation documents: rules over the hits of other rules.
//
// Only the form is checked here. Whether the referenced rules exist, and what a type beyond Sigma
// makes of its options, is decided when all rules are known (rules/correlator_table.cc).
//
// Thread rule: pure functions; `options` in the result borrows from the Node.
#pragma once

#include "rules/read_context.h"
#include "rules/rule_spec.h"

namespace picket {

// Fills everything but spec.head, which the caller has read. REQUIRES: spec.options is set when
// the rule names a type in its `picket:` block.
void read_correlation(const Node& node, CorrelationSpec& spec, ReadContext& context);

}  // namespace picket
