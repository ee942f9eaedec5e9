// Wiring: which rules feed which correlations, and how their fields become groups and counted
// values.
//
// References are by name or id and may point at detections and at other correlations, declared in
// any order and file. Correlations are wired from the inside out; those that refer to themselves,
// directly or not, are refused. What is wrong is added to documents.rejected, and that correlation
// alerts on nothing; the others work all the same.
//
// Thread rule: pure functions, called while a RuleSet is made. Tested by engine_chain_test.cc.
#pragma once

#include <vector>

#include "rules/rule_set.h"

namespace picket {

// The parts of a RuleSet that wiring reads and fills. Borrowed for the call.
struct WiringParts {
  RuleDocuments& documents;
  FieldTable& fields;
  PredicateSet& predicates;
  std::vector<FieldId>& captures;
  std::vector<RuleInfo>& rules;  // detections, then correlations, as in `documents`
  std::vector<CorrelationProgram>& correlations;
  std::vector<std::vector<Feed>>& feeds;           // by RuleId or GuardedFeed::feed
  std::vector<std::vector<GuardedFeed>>& guarded;  // by RuleId
  std::vector<CompiledCondition>& guards;          // by GuardedFeed::guard
};

// Lets the types of all correlations fill in their specs; those whose types object are left out.
// Comes before rules are listed: what it fills in is part of what a rule means.
void prepare_correlations(RuleDocuments& documents);

// REQUIRES: feeds and guarded have an entry per rule.
void wire_correlations(WiringParts parts);

// What a correlation means, as text: changes in wording keep its windows alive.
std::string meaning(const CorrelationSpec& spec);

// "No exception applies": what an exception matches while it has not expired is left out. The clock
// that counts is the event's, so a replay honours the exceptions of that day.
MatchTree no_exception(const std::vector<RuleException>& exceptions);

}  // namespace picket
