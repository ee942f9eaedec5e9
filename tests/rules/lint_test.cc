#include "rules/lint.h"

#include <gtest/gtest.h>

#include "tests/support/engine_run.h"

namespace picket {
namespace {

// "LINE: MESSAGE (HINT)" of every warning.
std::vector<std::string> warnings(const std::string& rules, std::optional<Timestamp> today = {}) {
  std::vector<std::string> out;
  const auto made = make_rules(rules);
  if (!made) return out;
  for (const Diagnostic& found : lint(*made, today)) {
    EXPECT_EQ(found.severity, Severity::Warning);
    std::string text = std::to_string(found.where.line) + ": " + found.message;
    if (!found.hint.empty()) text += " (" + found.hint + ")";
    out.push_back(text);
  }
  return out;
}

std::string rule(const std::string& detection) {
  return "title: X\nname: x\nlogsource: {product: test}\ndetection:\n" + detection;
}

struct Case {
  const char* detection;
  const char* expected;  // empty: nothing
};

TEST(Lint, ConditionsThatCannotHold) {
  const Case cases[] = {
      {"  s: {e: a}\n  t: {e: b}\n  condition: s and t\n",
       "7: the condition can never hold, unless 'e' is a list: it wants 'e: a' and 'e: b'"},
      {"  s: {e|all: [a, b]}\n  condition: s\n",
       "5: the condition can never hold, unless 'e' is a list: it wants 'e: a' and 'e: b'"},
      {"  s: {e: a}\n  t: {e: A}\n  condition: all of them\n", ""},
      {"  s: {e: a}\n  t: {e|contains: b}\n  condition: s and t\n", ""},
      {"  s: {n|lt: 5}\n  t: {n|gt: 7}\n  condition: s and t\n",
       "7: the condition can never hold, unless 'n' is a list: no number is in its range"},
      {"  s: {n|lt: 5}\n  t: {n|gte: 5}\n  condition: s and t\n",
       "7: the condition can never hold, unless 'n' is a list: no number is in its range"},
      {"  s: {n|lte: 5}\n  t: {n|gte: 5}\n  condition: s and t\n", ""},
      {"  s: {n: 3}\n  t: {n|gte: 5}\n  condition: s and t\n",
       "7: the condition can never hold, unless 'n' is a list: no number is in its range"},
      {"  s: {e: null}\n  t: {e: a}\n  condition: s and t\n",
       "7: the condition can never hold: it wants 'e: null' and 'e: a'"},
      {"  s: {e|exists: false}\n  t: {e|re: a}\n  condition: s and t\n",
       "7: the condition can never hold: it wants 'e|exists: false' and 'e|re: a'"},
      {"  s: {e: a}\n  condition: s and not s\n",
       "6: the condition can never hold: it wants 's' and its negation"},
      {"  s: {e: a, n: 1}\n  condition: s and not s\n",
       "6: the condition can never hold: it wants 's' and its negation"},
      {"  s: {e: a}\n  t: {n: 1}\n  condition: s and not 1 of them\n",
       "7: the condition can never hold: it wants 's' and its negation"},
      {"  s: {e: a, n: 1}\n  t: {e: a}\n  condition: t and not s\n", ""},
      {"  s: {e: a}\n  t: {e: b}\n  condition: s or t\n", ""},
      {"  s: {t|hour: 24}\n  condition: s\n",
       "5: 't|hour: 24' can never hold: that part of a time is 0 to 23"},
      {"  s: {e: a, t|minute|gt: 59}\n  condition: s\n",
       "5: 't|minute|gt: 59' can never hold: that part of a time is 0 to 59"},
      {"  s: {e: a, t|day|lt: 1}\n  condition: s\n",
       "5: 't|day|lt: 1' can never hold: that part of a time is 1 to 31"},
      {"  s: {t|month|lte: 0}\n  u: {e: a}\n  condition: u and not s\n",
       "5: 't|month|lte: 0' can never hold: that part of a time is 1 to 12"},
      {"  s: {t|week|gte: 54}\n  condition: s\n",
       "5: 't|week|gte: 54' can never hold: that part of a time is 1 to 53"},
      {"  s: {t|hour: [0, 23]}\n  condition: s\n", ""},
      {"  s: {t|week: 53, t|minute|gte: 59, t|day|lte: 1}\n  condition: s\n", ""},
      {"  s: {t|year: 0}\n  condition: s\n", ""},
  };
  for (const Case& c : cases) {
    const std::vector<std::string> expected =
        *c.expected ? std::vector<std::string>{c.expected} : std::vector<std::string>{};
    EXPECT_EQ(warnings(rule(c.detection)), expected) << c.detection;
  }
}

TEST(Lint, AlternativesThatDecideNothing) {
  const Case cases[] = {
      {"  s1: {e: a}\n  s2: {e: a, n: 1}\n  condition: 1 of s*\n",
       "6: 's2' is never needed: whatever it matches, 's1' matches, too"},
      {"  s1: {e: a}\n  s2: {e: a}\n  condition: 1 of s*\n", "6: 's2' says the same as 's1'"},
      {"  s: {e: [a, b, a]}\n  condition: s\n", "5: 'e: a' says the same as 'e: a'"},
      {"  s1: {e: a, n: 1}\n  s2: {e: a, n: 2}\n  condition: 1 of s*\n", ""},
      {"  s: {e|contains: [ab, xaBx]}\n  condition: s\n",
       "5: 'e|contains: xaBx' is never needed: whatever it matches, 'e|contains: ab' matches, too"},
      {"  s: {e|contains: [aBc, ab]}\n  condition: s\n",
       "5: 'e|contains: aBc' is never needed: whatever it matches, 'e|contains: ab' matches, too"},
      {"  s: {e|contains: [ab, AB]}\n  condition: s\n",
       "5: 'e|contains: AB' says the same as 'e|contains: ab'"},
      {"  s: [{e|contains: ab}, {e: xab}]\n  condition: s\n",
       "5: 'e: xab' is never needed: whatever it matches, 'e|contains: ab' matches, too"},
      {"  s: [{e|startswith: ab}, {e: 'ab*z'}]\n  condition: s\n",
       "5: 'e: ab*z' is never needed: whatever it matches, 'e|startswith: ab' matches, too"},
      {"  s: [{e|endswith: ab}, {e|endswith: xab}]\n  condition: s\n",
       "5: 'e|endswith: xab' is never needed: whatever it matches, 'e|endswith: ab' matches, too"},
      {"  s: [{e|contains: ab}, {e|contains: xab, n: 1}]\n  condition: s\n",
       "5: a part is never needed: whatever it matches, 'e|contains: ab' matches, too"},
      {"  s: [{e|contains: ab}, {e|cased|contains: AB}]\n  condition: s\n",
       "5: 'e|contains|cased: AB' is never needed: whatever it matches, 'e|contains: ab' matches, "
       "too"},
      {"  s: [ab, cab]\n  condition: s\n",
       "5: 'any value|contains: cab' is never needed: whatever it matches, 'any value|contains: "
       "ab' "
       "matches, too"},
      {"  s: [{e|cased|contains: ab}, {e|contains: xab}]\n  condition: s\n", ""},
      {"  s: [{e|contains: ab}, {n|contains: xab}]\n  condition: s\n", ""},
      {"  s: [{e|contains: 'a?b'}, {e|contains: axb}]\n  condition: s\n", ""},
      {"  s: [{e|startswith: ab}, {e|contains: abc}]\n  condition: s\n", ""},
      {"  s: [{e|startswith: ab}, {e|endswith: ab}]\n  condition: s\n", ""},
      {"  s: [{e|contains: ab}, {e: 'a*b'}]\n  condition: s\n", ""},
      {"  s: [{e|contains: ab, n: 1}, {e|contains: xab}]\n  condition: s\n", ""},
      {"  s: {e|contains|all: [ab, xab]}\n  condition: s\n", ""},
      {"  s: {e|neq|contains: [ab, b]}\n  condition: s\n",
       "5: 'e|contains: ab' is never needed: whatever it matches, 'e|contains: b' matches, too"},
  };
  for (const Case& c : cases) {
    const std::vector<std::string> expected =
        *c.expected ? std::vector<std::string>{c.expected} : std::vector<std::string>{};
    EXPECT_EQ(warnings(rule(c.detection)), expected) << c.detection;
  }
}

TEST(Lint, NamesThatOnlyLookLikeTheSchemas) {
  EXPECT_EQ(warnings(rule("  s: {request.idd: a}\n  condition: s\n")),
            (std::vector<std::string>{
                "4: no schema of this logsource has a field 'request.idd' (did you mean "
                "'request.id'?)"}));
  EXPECT_EQ(warnings(rule("  s: {request.colour: a}\n  condition: s\n")),
            (std::vector<std::string>{"4: no schema of this logsource has a field "
                                      "'request.colour'"}));
  // A path of the log that the schema does not mention.
  EXPECT_TRUE(warnings(rule("  s: {colour: a, request.id: b}\n  condition: s\n")).empty());
  EXPECT_TRUE(warnings("title: X\ndetection: {s: {request.idd: a}, condition: s}\n").empty())
      << "a rule for any source may mean any of them";
}

std::string correlation(const std::string& detection, const std::string& rest) {
  return "title: X\nname: x\nlogsource: {product: test}\ndetection: {s: {" + detection +
         "}, condition: s}\n---\ntitle: Y\ncorrelation:\n  rules: [x]\n  timespan: 1m\n" + rest;
}

TEST(Lint, ThresholdsThatCannotBeReached) {
  const char kThree[] = "  type: value_count\n  condition: {field: n, gte: 3}\n";
  EXPECT_EQ(warnings(correlation("n: [1, 2]", kThree)),
            (std::vector<std::string>{"11: the condition can never hold: the rules that it counts "
                                      "allow only 2 values of 'n', and it wants 3"}));
  EXPECT_TRUE(warnings(correlation("n: [1, 2, 3]", kThree)).empty());
  EXPECT_TRUE(warnings(correlation("n: [a, b]", kThree)).empty()) << "A and a are two values";
  EXPECT_TRUE(warnings(correlation("n|contains: '1'", kThree)).empty());
  const char kFive[] = "  type: event_count\n  condition: {gte: 5}\npicket:\n  resolve_after: 0s\n";
  EXPECT_EQ(warnings(correlation("n: 1", std::string(kFive) +
                                             "  escalate: [{gte: 3, level: high}]\n  tests: []\n"))
                .size(),
            3U);
}

TEST(Lint, ExceptionsThatHaveExpired) {
  const std::string text = rule(
      "  s: {e: a}\n  condition: s\npicket:\n  exceptions:\n"
      "    - {match: {who: w}, expires: 2026-03-01, owner: ops}\n"
      "  tests:\n    - {events: '{}', expect: {alerts: 1}}\n"
      "    - {events: '{}', expect: {alerts: 0}}\n");
  EXPECT_TRUE(warnings(text).empty());
  EXPECT_TRUE(warnings(text, parse_rfc3339("2026-02-28T23:59:59Z")).empty());
  EXPECT_EQ(warnings(text, parse_rfc3339("2026-03-01T00:00:00Z")),
            (std::vector<std::string>{"8: exception 1 expired on 2026-03-01: the rule counts what "
                                      "it was made for (remove or renew it; its owner is ops)"}));
}

TEST(Lint, MissingTests) {
  const std::string start = rule("  s: {e: a}\n  condition: s\npicket:\n  verdict: misuse\n");
  EXPECT_EQ(warnings(start), (std::vector<std::string>{
                                 "7: the rule has no tests (add one that it must find and a near "
                                 "miss under 'picket: {tests: [...]}')"}));
  EXPECT_EQ(warnings(start + "  tests:\n    - {events: '{}', expect: {alerts: 0}}\n"),
            (std::vector<std::string>{"9: no test expects the rule to find anything"}));
  EXPECT_EQ(warnings(start + "  tests:\n    - {events: '{}', expect: {matches: 1}}\n"),
            (std::vector<std::string>{
                "9: no test shows what the rule must not find (add a near miss with 'alerts: 0', "
                "'matches: 0' or 'classify: none')"}));
  EXPECT_TRUE(warnings(rule("  s: {e: a}\n  condition: s\n")).empty()) << "plain Sigma has none";
}

}  // namespace
}  // namespace picket
