#include "daemon/allow_list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/rule_set.h"
#include "tests/support/engine_run.h"

namespace picket {
namespace {

constexpr char kRules[] = R"(
title: denial
detection: {denied: {http.response.status_code: 403}, condition: denied}
picket: {classify: {cause: insufficient_permissions}}
---
title: refusal
name: refusal
level: informational
detection: {denied: {picket.cause: insufficient_permissions}, condition: denied}
---
title: refusals
name: refusals
level: high
correlation:
  type: event_count
  rules: [refusal]
  group-by: [client.address]
  timespan: 10m
  condition: {gte: 2}
)";

// Two refusals of one address at 12:00 on a day of August 2026.
std::string rows(const std::string& address, int day) {
  std::string lines;
  for (int second = 0; second < 2; ++second) {
    lines += R"({"time":"2026-08-)" + std::to_string(day) + "T12:00:0" + std::to_string(second) +
             R"(Z","workspace_id":"ws_1","path":"/v2/apis.getApi","response_status":403,)"
             R"("response_body":"","service_latency":1,"ip_address":")" +
             address + "\"}\n";
  }
  return lines;
}

AllowEntry entry(std::string kind, std::vector<std::string> values) {
  return {std::move(kind), std::move(values), "2026-08-21", "platform", "it's a test", {}};
}

// The rules whose alerts `lines` open.
std::vector<std::string> alerts(const std::vector<AllowEntry>& entries, const std::string& lines) {
  auto file = parse_yaml(kRules, "rules.yml");
  RuleDocuments documents;
  read_rules(*std::move(file), {}, documents);
  EXPECT_TRUE(documents.rejected.empty());
  const Diagnostics problems = apply_allow_list(entries, documents);
  EXPECT_TRUE(problems.empty()) << render(problems.front());
  auto rules = RuleSet::make(std::move(documents), shipped_schemas());
  if (!rules) return {"the rules do not compile"};
  EngineRun::Options options;
  options.schema = -1;
  EngineRun run(*rules, options);
  run.lines(lines);
  run.finish();
  std::vector<std::string> names;
  for (const AlertEvent& event : run.events) {
    if (event.change == AlertChange::Opened) names.push_back(event.alert.rule.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

const std::vector<std::string> kAlerted = {"refusals"};

TEST(AllowList, HoldsBackWhatItNamesUntilItsDay) {
  const std::string before = rows("203.0.113.9", 20);
  EXPECT_EQ(alerts({}, before), kAlerted);
  for (const AllowEntry& allowed :
       {entry("address", {"203.0.113.9"}), entry("address", {"198.51.100.1", "203.0.113.0/24"}),
        entry("workspace_id", {"ws_1"})}) {
    const auto found = alerts({allowed}, before);
    EXPECT_EQ(std::count(found.begin(), found.end(), "refusals"), 0) << allowed.values.back();
    EXPECT_EQ(alerts({allowed}, rows("203.0.113.9", 21)), kAlerted) << "it has expired";
  }
}

TEST(AllowList, LeavesOthersAlone) {
  const std::string lines = rows("203.0.113.9", 20);
  for (const AllowEntry& allowed :
       {entry("address", {"203.0.113.8"}), entry("address", {"2001:db8::1"}),
        entry("workspace_id", {"WS_1"}), entry("key_id", {"key_1"}),
        entry("principal_arn", {"arn:aws:iam::1:user/x"})}) {
    EXPECT_EQ(alerts({allowed}, lines), kAlerted) << allowed.values.back();
  }
}

TEST(AllowList, ReportsWhatIsWrongAtTheEntry) {
  AllowEntry wrong = entry("address", {"203.0.113.0/99"});
  wrong.where = {"picket.yaml", 7, 5};
  AllowEntry undated = entry("key_id", {"key_1"});
  undated.expires = "soon";
  RuleDocuments documents;
  const Diagnostics problems = apply_allow_list({wrong, undated}, documents);
  ASSERT_GE(problems.size(), 2U);
  EXPECT_EQ(problems.front().where.line, 7U);
  EXPECT_EQ(problems.back().message, "'soon' is not a date");
  EXPECT_TRUE(documents.detections.empty());
}

TEST(AllowList, NamesWhatHasExpired) {
  const std::vector<AllowEntry> entries = {entry("address", {"203.0.113.9"})};
  EXPECT_TRUE(expired_entries(entries, *parse_rfc3339("2026-08-20T23:59:59Z")).empty());
  const Diagnostics warnings = expired_entries(entries, *parse_rfc3339("2026-08-21T00:00:00Z"));
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_EQ(warnings.front().message, "this allow entry has expired on 2026-08-21");
  EXPECT_EQ(warnings.front().severity, Severity::Warning);
}

}  // namespace
}  // namespace picket
