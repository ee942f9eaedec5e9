// Which sources a rule sees, and what its filters leave of it for others.
#include <gtest/gtest.h>

#include "rules/rule_set.h"
#include "tests/rules/rule_text.h"
#include "tests/support/engine_run.h"
#include "tests/support/test_rules.h"

namespace picket {
namespace {

struct Case {
  const char* rule;  // the logsource of a rule; null: none at all
  Logsource schema;
  bool applies;
};

TEST(Logsource, EveryKeyThatBothNameMustAgree) {
  const Case cases[] = {
      {nullptr, {"aws", "cloudtrail", ""}, true},
      {"{}", {"aws", "cloudtrail", ""}, true},
      {"null", {"aws", "", ""}, true},
      {"{product: aws}", {"aws", "cloudtrail", ""}, true},
      {"{product: aws, service: cloudtrail}", {"aws", "cloudtrail", "audit"}, true},
      {"{product: aws, service: s3}", {"aws", "cloudtrail", ""}, false},
      {"{product: aws, service: cloudtrail}", {"aws", "", ""}, true},
      {"{service: cloudtrail}", {"aws", "cloudtrail", ""}, true},
      {"{category: dns}", {"aws", "cloudtrail", ""}, true},
      {"{category: dns}", {"", "", "dns"}, true},
      {"{category: dns}", {"", "", "proxy"}, false},
      {"{product: linux}", {"aws", "", ""}, false},
      {"{product: AWS}", {"aws", "", ""}, false},
      {"{product: aws}", {"", "", ""}, true},
      {"{product: aws, definition: 'needs data events', vendor: any}", {"aws", "", ""}, true},
      {"{product: '', service: ~}", {"aws", "x", ""}, true},
  };
  for (const Case& c : cases) {
    const std::string line = c.rule ? std::string("logsource: ") + c.rule + "\n" : "";
    RuleDocuments documents =
        read_text("title: t\n" + line + "detection: {s: {f: 1}, condition: s}\n");
    Schema schema = test_schema();
    schema.logsource = c.schema;
    const auto rules = RuleSet::make(std::move(documents), {schema});
    ASSERT_TRUE(rules);
    EXPECT_TRUE((*rules)->rejected().empty()) << line;
    EXPECT_EQ((*rules)->for_schema(0).detection_rules.size(), c.applies ? 1U : 0U)
        << line << c.schema.product << "/" << c.schema.service << "/" << c.schema.category;
  }
}

TEST(Logsource, CorrelationsCountWhatFiltersLeave) {
  const std::string rules = R"(
title: Fails
name: fails
logsource: {product: test}
detection: {s: {e: fail}, condition: s}
---
title: Many
name: many
correlation:
  type: event_count
  rules: [fails]
  group-by: [who]
  timespan: 10s
  condition: {gte: 2}
---
title: Without the robot
logsource: {product: test}
filter:
  rules: any
  robot: {agent|startswith: robot}
  condition: not robot
)";
  EngineRun run(make_rules(rules));
  run.lines(test_line(1'000, "fail", "a") + "\n" +
            test_line(2'000, "fail", "a", R"(,"agent":"Robot/1")") + "\n" +
            test_line(3'000, "fail", "b", R"(,"agent":"person")") + "\n" +
            test_line(4'000, "fail", "b") + "\n");
  run.finish();
  std::string opened;
  for (const AlertEvent& event : run.events) {
    if (event.change == AlertChange::Opened) opened += format_rfc3339(event.alert.starts_at) + " ";
  }
  EXPECT_EQ(opened, "1970-01-01T00:00:04.000Z ");
}

}  // namespace
}  // namespace picket
