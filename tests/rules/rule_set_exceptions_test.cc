// `picket: {exceptions: [...]}`: what they match never feeds the windows of their rule.
#include <gtest/gtest.h>

#include "tests/support/engine_run.h"

namespace picket {
namespace {

constexpr char kExceptions[] = R"(
  exceptions:
    - {match: {who: ci}, owner: platform, reason: nightly test}
    - {match: {ip|cidr: 10.0.0.0/8}, expires: 1970-01-02, owner: platform, reason: scan}
)";

std::string detection(const std::string& picket) {
  return "title: A\nid: rule-a\nname: a\nlogsource: {product: test}\n"
         "detection: {s: {e: a}, condition: s}\n" +
         picket;
}

std::string correlation(const std::string& name, const std::string& picket) {
  return "---\ntitle: " + name + "\nname: " + name +
         "\ncorrelation: {type: event_count, rules: [a], group-by: [who], timespan: 1h, "
         "condition: {gte: 2}}\n" +
         picket;
}

constexpr int64_t kDay = 86'400'000;

std::string opened(EngineRun& run) {
  std::string names;
  for (const AlertEvent& event : run.events) {
    if (event.change == AlertChange::Opened) names += event.alert.rule.title + " ";
  }
  return names;
}

TEST(Exceptions, ADetectionDoesNotMatchWhatItsExceptionsMatch) {
  EngineRun run(make_rules(detection("picket:" + std::string(kExceptions))));
  run.lines(test_line(1, "a", "ci"));
  EXPECT_EQ(opened(run), "");
  EXPECT_EQ(run.engine.stats().rules[0].matches, 0U);
  run.lines(test_line(2, "a", "w"));
  EXPECT_EQ(opened(run), "A ");
}

TEST(Exceptions, TheyEndByTheTimeOfTheEvent) {
  auto rules = make_rules(detection("picket:" + std::string(kExceptions)));
  const std::string ip = R"(,"ip":"10.1.2.3")";
  EngineRun before(rules);
  before.lines(test_line(kDay - 1, "a", "w", ip));
  EXPECT_EQ(opened(before), "");
  EngineRun after(rules);
  after.lines(test_line(kDay, "a", "w", ip));
  EXPECT_EQ(opened(after), "A ");
  after.lines(test_line(kDay + 1, "a", "ci", ip));
  EXPECT_EQ(opened(after), "A ") << "the other one has no end";
}

TEST(Exceptions, OfACorrelationKeepEventsFromItsWindowsOnly) {
  const std::string picket = "picket:" + std::string(kExceptions);
  auto rules = make_rules(detection("") + correlation("Guarded", picket) + correlation("Open", "") +
                          correlation("Also guarded", R"(picket:
  exceptions: [{match: {e: a, who|startswith: x}}]
)"));
  ASSERT_TRUE(rules);
  EngineRun ci(rules);
  for (int64_t t : {1, 2, 3}) ci.lines(test_line(t, "a", "ci"));
  EXPECT_EQ(opened(ci), "Open Also guarded ");
  EngineRun x(rules);
  for (int64_t t : {1, 2}) x.lines(test_line(t, "a", "x1"));
  EXPECT_EQ(opened(x), "Open Guarded ");
  EngineRun ip(rules);
  for (int64_t t : {kDay - 2, kDay - 1, kDay, kDay + 1}) {
    ip.lines(test_line(t, "a", "w", R"(,"ip":"10.9.9.9")"));
    if (t <= kDay && t > kDay - 2) {
      EXPECT_EQ(opened(ip), "Open Also guarded ");
    }
  }
  EXPECT_EQ(opened(ip), "Open Also guarded Guarded ") << "two events after it expired";
  EXPECT_EQ(ip.engine.stats().rules[0].matches, 4U) << "the detection itself matched";
}

TEST(Exceptions, OfAClassifyingRuleLeaveTheRefusalToTheNextRule) {
  const std::string rules = R"(
title: First
name: first
logsource: {product: test}
detection: {s: {e: a}, condition: s}
picket:
  classify: {cause: one, priority: 1}
  exceptions: [{match: {who: ci}}]
---
title: Second
name: second
logsource: {product: test}
detection: {s: {e: a}, condition: s}
picket: {classify: {cause: two, priority: 2}}
)";
  EngineRun run(make_rules(rules));
  run.lines(test_line(1, "a", "w") + test_line(2, "a", "ci"));
  std::string causes;
  for (const RefusalCount& refusal : run.hits.refusals) causes += refusal.cause + " ";
  EXPECT_EQ(causes, "one two ");
}

TEST(Exceptions, AddingOneKeepsTheWindows) {
  auto before = make_rules(detection("") + correlation("Many", ""));
  auto after = make_rules(detection("") + correlation("Many", R"(picket:
  exceptions: [{match: {who: ci}}]
)"));
  EngineRun run(before);
  run.lines(test_line(1, "a", "w"));
  EngineChanges saved = run.engine.take_changes();
  EXPECT_EQ(saved.groups.size(), 1U);
  EngineRun reloaded(after);
  saved.meta.clear();  // waiting hits belong to one rule set
  EXPECT_EQ(reloaded.engine.restore(saved), 0U);
  reloaded.lines(test_line(2, "a", "w"));
  EXPECT_EQ(opened(reloaded), "Many ");
  EXPECT_NE(before->fingerprint(), after->fingerprint()) << "hits mean something else";
}

TEST(Exceptions, OfAChainMustLookAtWhatMatchesCarry) {
  const auto problem_with = [](const std::string& match) {
    auto made = try_rules(
        detection("") + correlation("inner", "") +
            "---\ntitle: Outer\nname: outer\ncorrelation: {type: event_count, rules: [inner], "
            "timespan: 1h, condition: {gte: 1}}\npicket:\n  exceptions: [{match: " +
            match + "}]\n",
        {kTestSchema});
    return (*made)->rejected().empty() ? "" : (*made)->rejected().front().message;
  };
  EXPECT_EQ(problem_with("{who: ci}"), "");
  EXPECT_EQ(problem_with("{who: ci, ip: 10.0.0.1}"),
            "an exception looks at 'ip', which no match that this correlation counts carries");
}

TEST(Exceptions, ABrokenOneRejectsItsRuleAndNoOther) {
  const std::string broken = "picket:\n  exceptions: [{match: {ip|cidr: not-a-network}}]\n";
  for (const std::string& rules : {detection(broken) + correlation("Open", ""),
                                   detection("") + correlation("Guarded", broken)}) {
    auto made = try_rules(rules, {kTestSchema});
    ASSERT_TRUE(made);
    EXPECT_FALSE((*made)->rejected().empty());
  }
}

}  // namespace
}  // namespace picket
