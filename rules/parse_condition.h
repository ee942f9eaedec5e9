// Conditions: the expression over selection names that says when a rule matches.
//
//   condition := and-term { "or" and-term }
//   and-term  := factor { "and" factor }
//   factor    := "not" factor | "(" condition ")" | quantity "of" names | NAME
//   quantity  := "all" | "any" | NUMBER                  "any" is 1; N is "at least N"
//   names     := "them" | NAME with '*'                  "them": all names that do not
//                                                        begin with an underscore
//
// A list of conditions is an OR. Words are recognised in any case, unless a selection has that
// name.
//
// Bounds: kConditionDepthMax nested factors; kConditionLeavesMax predicates in the result, because
// a selection is copied into each place that names it.
//
// Thread rule: pure functions; the selections are borrowed for the call.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "rules/read_context.h"
#include "rules/rule_spec.h"

namespace picket {

constexpr size_t kConditionDepthMax = 64;
constexpr size_t kConditionLeavesMax = 500'000;

struct Selection {
  const Node* key = nullptr;  // its name, with the place
  MatchTree tree = {};
  bool used = false;
};

// Builds the tree of `condition` (a text or a list of texts) and marks the selections it uses.
// Problems go to `context`; the result is then of no use.
MatchTree parse_condition(const Node& condition, std::vector<Selection>& selections,
                          ReadContext& context);

}  // namespace picket
