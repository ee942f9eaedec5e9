#include "daemon/rule_explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/engine_run.h"

namespace picket {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const char kRules[] = R"(
title: Exes
id: 11111111-1111-4111-8111-111111111111
name: x
logsource: {product: test}
detection: {s: {e: x}, condition: s}
picket:
  exceptions:
    - {match: {who: ci}, expires: 2026-02-01, owner: ops, reason: nightly test}
---
title: Elsewhere
name: elsewhere
logsource: {product: windows}
detection: {s: {e: x}, condition: s}
---
title: Many
name: many
correlation:
  type: event_count
  rules: [x]
  group-by: [who]
  timespan: 1m
  condition: {gte: 3}
---
title: Fewer
filter:
  rules: [x]
  selection: {who: nobody}
  condition: not selection
)";

std::string explained(std::string_view name, const std::string& lines) {
  const auto rules = make_rules(kRules);
  const auto rule = find_rule(*rules, name);
  if (!rule) return rule.error().front().message;
  return explain_rule(rules, *rule, 0, lines);
}

TEST(RuleExplain, FindsRulesByIdNameAndTitle) {
  const auto rules = make_rules(kRules);
  for (const char* name : {"11111111-1111-4111-8111-111111111111", "x", "Exes"}) {
    EXPECT_EQ(find_rule(*rules, name).value_or(99), 0U) << name;
  }
  const auto missing = find_rule(*rules, "elsewher");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().front().hint, "did you mean 'elsewhere'?");
}

TEST(RuleExplain, Detections) {
  EXPECT_THAT(explained("x", test_line(1, "x")), HasSubstr("  MATCHES\n"));
  EXPECT_THAT(explained("x", test_line(1, "y")),
              HasSubstr("  DOES NOT MATCH\n  > false all of\n  > false   s: e: x   <- 'y'\n"));
  EXPECT_THAT(explained("x", test_line(1, "x", "nobody")),
              HasSubstr("  > false   filter 'Fewer': not\n  > true      selection: who: nobody"));
  EXPECT_THAT(explained("elsewhere", test_line(1, "x")),
              HasSubstr("NOT TRIED: the rule is for product windows, the event is from product "
                        "test\n"));
  EXPECT_THAT(explained("x", "{\"t\":1\n"), HasSubstr("line 1: no event (truncated)"));
}

TEST(RuleExplain, ExceptionsApplyUntilTheyExpire) {
  const auto at = [](const char* time) {
    return test_line(to_ms(*parse_rfc3339(time)), "x", "ci");
  };
  const std::string before = explained("x", at("2026-01-31T23:59:59Z"));
  EXPECT_THAT(before, HasSubstr("exception 1 applies: \"nightly test\", owner ops, until 2026-02"));
  EXPECT_THAT(before, HasSubstr("DOES NOT MATCH"));
  const std::string after = explained("x", at("2026-02-01T00:00:00Z"));
  EXPECT_THAT(after, HasSubstr("exception 1 matches but has expired"));
  EXPECT_THAT(after, HasSubstr("  MATCHES\n"));
}

TEST(RuleExplain, CorrelationsShowEveryGroup) {
  const std::string two = test_line(1'000, "x", "a") + test_line(2'000, "x", "b") +
                          test_line(3'000, "x", "a") + test_line(4'000, "y", "a") +
                          test_line(5'000, "x", "");
  const std::string text = explained("many", two);
  EXPECT_THAT(text, HasSubstr("event_count over x, within 1 min, grouped by who\n"));
  EXPECT_THAT(text, HasSubstr("counts, because it matches 'Exes'; group who=a\n"));
  EXPECT_THAT(text, HasSubstr("matches none of the rules that this one counts\n"));
  EXPECT_THAT(text, HasSubstr("a field to group by is missing\n"));
  EXPECT_THAT(text, HasSubstr("  who=a: 2 events counted, the last at 1970-01-01T00:00:03.000Z\n"));
  EXPECT_THAT(text, HasSubstr("  who=b: 1 event counted"));
  EXPECT_THAT(text, HasSubstr("alerts opened: 0\n"));
  const std::string three = explained("many", two + test_line(6'000, "x", "a"));
  EXPECT_THAT(three, HasSubstr("group who=a\n  an alert opens\n"));
  EXPECT_THAT(three, HasSubstr("    an alert is open\n"));
  EXPECT_THAT(explained("many", test_line(1, "y")), Not(HasSubstr("who=")));
}

TEST(RuleExplain, ChainsAreFollowed) {
  const auto rules = make_rules(std::string(kRules) + R"(
---
title: Many of many
name: outer
correlation: {type: event_count, rules: [many], timespan: 1h, condition: {gte: 3}}
)");
  const std::string text =
      explain_rule(rules, *find_rule(*rules, "outer"), 0,
                   test_line(1'000, "x", "a") + test_line(2'000, "x", "a") +
                       test_line(3'000, "x", "a") + test_line(4'000, "y", "a"));
  EXPECT_THAT(text, HasSubstr("  is for 'Many', whose matches this one counts\n"));
  EXPECT_THAT(text, HasSubstr("  a match of a rule that this one counts: it counts\n"));
  EXPECT_THAT(text, HasSubstr("  does not count: it matches none of the rules"));
  EXPECT_THAT(text, HasSubstr("    1 of 3 events; 2 more within 59 min\n"));
}

}  // namespace
}  // namespace picket
