#include "rules/read_picket.h"

#include <gtest/gtest.h>

#include "tests/rules/rule_text.h"

namespace picket {
namespace {

// A detection rule whose `picket:` block is `body`, indented by two; the block starts at line 6.
RuleDocuments read_block(const std::string& body) {
  return read_text("title: t\ndetection:\n  s: {f: 1}\n  condition: s\npicket:\n" + body);
}

TEST(ReadPicket, HasDefaults) {
  const RuleDocuments rules = read_block("  mode: alert\n");
  ASSERT_TRUE(rules.rejected.empty());
  const PicketBlock& block = rules.detections.at(0).head.picket;
  EXPECT_FALSE(block.classify);
  EXPECT_EQ(block.verdict, Verdict::None);
  EXPECT_FALSE(block.resolve_after);
  EXPECT_EQ(block.evidence, 10);
  EXPECT_FALSE(block.shadow);
  EXPECT_EQ(block.tests, nullptr);
}

TEST(ReadPicket, ReadsEveryKey) {
  const RuleDocuments rules = read_block(R"(
  classify: {cause: protected_resource, code: "err:x", mistake: 1, scenario: protected_resource,
             priority: -5, confidence: 0.75}
  verdict: boundary_testing
  mistake: 6
  resolve_after: 10m
  cooldown: 30s
  evidence: 3
  escalate: [{gte: 20, level: critical}, {gte: 2.5, level: high}]
  mode: shadow
  group_missing: empty
  exceptions:
    - {match: {unkey.workspace_id: ws_ci}, expires: 2027-01-31, owner: platform, reason: nightly}
    - match: [{a|contains: x}, {b: 2}]
      expires: 2027-01-31T12:00:00+01:00
  summary: "{{x}}"
  remediation: do this
  runbook: probing
  tests:
    - name: one
)");
  ASSERT_TRUE(rules.rejected.empty()) << render(rules.rejected[0]);
  const PicketBlock& block = rules.detections.at(0).head.picket;
  ASSERT_TRUE(block.classify);
  EXPECT_EQ(block.classify->cause, "protected_resource");
  EXPECT_EQ(block.classify->code, "err:x");
  EXPECT_EQ(block.classify->mistake, 1);
  EXPECT_EQ(block.classify->scenario, "protected_resource");
  EXPECT_EQ(block.classify->priority, -5);
  EXPECT_EQ(block.classify->confidence, 0.75);
  EXPECT_EQ(block.verdict, Verdict::BoundaryTesting);
  EXPECT_EQ(block.mistake, 6);
  EXPECT_EQ(block.resolve_after, Duration(600'000));
  EXPECT_EQ(block.cooldown, Duration(30'000));
  EXPECT_EQ(block.evidence, 3);
  ASSERT_EQ(block.escalate.size(), 2U);
  EXPECT_EQ(block.escalate[0].gte, 20);
  EXPECT_EQ(block.escalate[0].level, Level::Critical);
  EXPECT_EQ(block.escalate[1].gte, 2.5);
  EXPECT_TRUE(block.shadow);
  EXPECT_TRUE(block.group_missing_empty);
  ASSERT_EQ(block.exceptions.size(), 2U);
  EXPECT_EQ(dump(block.exceptions[0].match), "unkey.workspace_id ~ 'ws_ci'\n");
  EXPECT_EQ(block.exceptions[0].expires, parse_rfc3339("2027-01-31T00:00:00Z"));
  EXPECT_EQ(block.exceptions[0].owner, "platform");
  EXPECT_EQ(block.exceptions[0].reason, "nightly");
  EXPECT_EQ(dump(block.exceptions[1].match), "or\n  a ~ '*x*'\n  b = 2\n");
  EXPECT_EQ(block.exceptions[1].expires, parse_rfc3339("2027-01-31T11:00:00Z"));
  EXPECT_EQ(block.summary, "{{x}}");
  EXPECT_EQ(block.remediation, "do this");
  EXPECT_EQ(block.runbook, "probing");
  ASSERT_NE(block.tests, nullptr);
  EXPECT_EQ(block.tests->items().at(0).find("name")->text(), "one");
}

struct BadBlock {
  const char* body;
  uint32_t line;
  uint32_t column;
  const char* message;
  const char* hint;
};

TEST(ReadPicket, ReportsProblemsAtTheirPlace) {
  const BadBlock cases[] = {
      {"  verdikt: misuse\n", 6, 3, "unknown key 'verdikt' in picket", "did you mean 'verdict'?"},
      {"  verdict: misues\n", 6, 12, "'misues' is not a known verdict", "did you mean 'misuse'?"},
      {"  mode: silent\n", 6, 9, "'silent' is not a known mode", "use one of alert, shadow"},
      {"  mistake: 8\n", 6, 12, "'mistake' must be between 1 and 7", ""},
      {"  classify: {mistake: 1}\n", 6, 13, "classify needs 'cause'", ""},
      {"  classify: {cause: x, scenario: quota}\n", 6, 34, "'quota' is not a known scenario",
       "use one of protected_resource, resource_state, account_limit, platform_policy"},
      {"  classify: {cause: x, confidence: 2}\n", 6, 36, "'confidence' must be between 0 and 1",
       ""},
      {"  classify: {cause: x, prio: 2}\n", 6, 24, "unknown key 'prio' in classify", ""},
      {"  evidence: many\n", 6, 13, "expected a whole number, found 'many'", ""},
      {"  resolve_after: 10\n", 6, 18, "expected a duration, found '10'",
       "a whole number and one of ms, s, m, h, d, w, for example 30s"},
      {"  escalate: {gte: 1, level: high}\n", 6, 13, "'escalate' must be a list of {gte, level}",
       ""},
      {"  escalate: [{gte: 1}]\n", 6, 14, "escalate needs 'level'", ""},
      {"  exceptions: [{owner: me}]\n", 6, 16, "exception needs 'match'", ""},
      {"  exceptions: [{match: {f|lik: x}}]\n", 6, 25, "unknown modifier 'lik'", ""},
      {"  exceptions: [{match: {f: 1}, expires: soon}]\n", 6, 41, "'soon' is not a date",
       "write for example 2027-01-31 or 2027-01-31T12:00:00Z"},
      {"  exceptions: [{match: {f: 1}, expires: 2027-02-30}]\n", 6, 41,
       "'2027-02-30' is not a date", "write for example 2027-01-31 or 2027-01-31T12:00:00Z"},
      {"  tests: {a: b}\n", 6, 10, "'tests' must be a list", ""},
      {"  correlation: {type: risk}\n", 6, 16,
       "'correlation' belongs into a rule with a 'correlation:' part", ""},
      {"  - a\n", 6, 3, "expected a map for picket, found a list", ""},
  };
  for (const BadBlock& c : cases) {
    const RuleDocuments rules = read_block(c.body);
    ASSERT_EQ(rules.rejected.size(), 1U) << c.body;
    const Diagnostic& d = rules.rejected[0];
    EXPECT_EQ(d.message, c.message);
    EXPECT_EQ(d.hint, c.hint) << c.body;
    EXPECT_EQ(d.where.line, c.line) << c.body;
    EXPECT_EQ(d.where.column, c.column) << c.body;
    EXPECT_TRUE(rules.detections.empty());
  }
}

}  // namespace
}  // namespace picket
