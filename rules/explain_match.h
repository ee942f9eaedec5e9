// Why a condition holds for an event or does not: its tree with the outcome of every test.
//
// Each leaf is run as the engine runs it (compile_predicate and holds), never by a second matcher.
// Lines of the parts that decide begin with '>': of an AND that fails those that fail, of an OR
// that holds those that hold. Where a list is long, the values that decide nothing are only
// counted.
//
// Thread rule: the thread of the event's decoder, while the event is alive.
// Tested by tests/rules/explain_match_test.cc.
#pragma once

#include <string>

#include "rules/event.h"
#include "rules/field_table.h"
#include "rules/match_tree.h"

namespace picket {

// The test as a rule would have it: "url.path|contains: delete".
std::string written_form(const Predicate& predicate);

struct MatchExplanation {
  bool holds = false;
  std::string text = {};  // one line per node, indented
};

// REQUIRES: the fields of `tree` are in `fields`, which are those the event was decoded for, and
// every predicate compiles: the tree is of a rule that was loaded.
MatchExplanation explain_match(const MatchTree& tree, const FieldTable& fields, Event& event);

}  // namespace picket
