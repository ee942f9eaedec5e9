// RuleTestRunner: the `picket: {tests: [...]}` blocks of rules, run through Processor and Engine.
//
// A test names a schema, gives events (see test_events.h) and says what is expected:
//   expect: {classify: none}          every event is no refusal
//   expect: {classify: {cause: C}}    every event is refused with these names (code, cause,
//   mistake,
//                                     scenario); inside a classifying rule, by that very rule
//   expect: {matches: N}              events that the detection matched or the correlation counted
//   expect: {alerts: N, severity: S, verdict: V, labels: {field: value}, distinct: N, score: X,
//            starts_at: +40s}         alerts that the rule of the test opened, as they stood last
// Alerts of other rules do not count: each rule states what it does by itself. Rules in shadow mode
// are tested like all others.
//
// Thread rule: one thread. The rule set is shared and const.
// Tested by tests/daemon/rule_tests_test.cc.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/node.h"
#include "rules/rule_set.h"

namespace picket {

struct RuleTestResult {
  const RuleHead* rule = nullptr;  // lives as long as the rule set
  std::string name = {};           // of the test
  Location where = {};
  Diagnostics problems = {};  // empty: passed

  bool passed() const { return problems.empty(); }
};

class RuleTestRunner {
 public:
  explicit RuleTestRunner(std::shared_ptr<const RuleSet> rules) : rules_(std::move(rules)) {}

  // Runs the tests of all rules, in order.
  std::vector<RuleTestResult> run() const;
  // Runs those of one rule whose name contains `filter`, or all if the rule's title does.
  std::vector<RuleTestResult> run(RuleId rule, std::string_view filter = {}) const;

 private:
  RuleTestResult run_one(RuleId rule, const Node& test) const;

  std::shared_ptr<const RuleSet> rules_;
};

}  // namespace picket
