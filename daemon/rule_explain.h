// RuleExplainer: why one rule does or does not match the events of a file.
//
// For a detection: each event with the tree of conditions and the values that decided. For a
// correlation: what each event did to it, and at the end the state of every group with what is
// missing. Everything goes through the Processor and Engine that the daemon runs.
//
// Thread rule: one thread.
// Tested by tests/daemon/rule_explain_test.cc.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "config/result.h"
#include "rules/rule_set.h"

namespace picket {

// The rule called `text` by id, name or title. Errors: none, or several.
Result<RuleId> find_rule(const RuleSet& rules, std::string_view text);

// Explains all of `lines` (NDJSON). `schema`: SchemaId, or -1 to recognise each line.
std::string explain_rule(const std::shared_ptr<const RuleSet>& rules, RuleId rule, int schema,
                         std::string_view lines);

}  // namespace picket
