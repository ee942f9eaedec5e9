// Filters: documents that narrow other rules, so that those can stay as they were delivered.
//
// Which rules a filter narrows:
//  - by name or id: these, unless their logsource says something else than the filter's;
//  - `rules: any`: all detections whose logsource states each key of the filter's alike. A rule
//  that
//    leaves such a key open also sees events that the filter is not about, so it is not narrowed.
//
// Thread rule: pure function; called once, before rules are compiled.
// Tested by tests/rules/apply_filters_test.cc.
#pragma once

#include "rules/rule_spec.h"

namespace picket {

// Makes the condition of every rule that a filter narrows "condition and filter". What a filter
// names in vain goes to documents.rejected, as a warning: it hides alerts less than it should.
void apply_filters(RuleDocuments& documents);

}  // namespace picket
