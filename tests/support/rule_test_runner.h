// RuleTestRunner: the `picket: {tests: [...]}` blocks of rules, run through Processor and Engine.
//
// A test names a schema, gives events (NDJSON text) and says what is expected:
//   expect: {classify: none}                     every event is no refusal
//   expect: {classify: {cause: C, ...}}          every event is refused with these names; for a
//   test
//                                                inside a classifying rule, by that very rule
//   expect: {alerts: N, severity: S, verdict: V, labels: {field: value}}
//                                                alerts that the rule of the test opened
// Alerts of other rules do not count: each rule states what it does by itself.
//
// Thread rule: one thread. The rule set is shared and const.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/node.h"
#include "rules/rule_set.h"

namespace picket {

struct RuleTestResult {
  std::string rule;  // title
  std::string name;  // of the test
  Location where = {};
  std::vector<std::string> problems = {};  // empty: passed
};

class RuleTestRunner {
 public:
  explicit RuleTestRunner(std::shared_ptr<const RuleSet> rules) : rules_(std::move(rules)) {}

  // Runs the tests of all rules, in order.
  std::vector<RuleTestResult> run() const;
  // Runs those of one rule.
  std::vector<RuleTestResult> run(RuleId rule) const;

 private:
  RuleTestResult run_one(RuleId rule, const Node& test) const;

  std::shared_ptr<const RuleSet> rules_;
};

}  // namespace picket
