// Lint: what is allowed in rules and is nearly always a mistake.
//
// Unlike the reader's warnings this takes time and guesses, so it runs only when asked for. It
// looks for conditions that cannot hold, alternatives that never decide anything, names that no
// schema of the rule's logsource knows, thresholds that cannot be reached, exceptions that have
// expired, and missing tests.
//
// Thread rule: pure functions over a const RuleSet.
// Tested by tests/rules/lint_test.cc.
#pragma once

#include <optional>

#include "config/result.h"
#include "rules/rule_set.h"

namespace picket {

// Warnings in the order of rules. `today` decides which exceptions have expired; without it none.
Diagnostics lint(const RuleSet& rules, std::optional<Timestamp> today);

// The same for the conditions alone (lint_conditions.cc): each message says which part of `tree` is
// meant, by selection where it has a name.
struct ConditionFinding {
  std::string selection = {};  // empty: the condition as a whole
  std::string message = {};
};
std::vector<ConditionFinding> lint_condition(const MatchTree& tree);

}  // namespace picket
