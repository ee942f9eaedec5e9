// Fields that stand for what is known of an address.
#include "rules/address_facts.h"

#include <gtest/gtest.h>

#include "tests/support/engine_run.h"

namespace picket {
namespace {

constexpr char kSchema[] = R"(
schema: t
logsource: {product: test}
recognise: [t]
time: {field: t, unit: ms}
actor: [user.id]
fields: {user.id: who, client.address: ip}
)";

constexpr char kRules[] = R"(
title: Home
name: home
logsource: {product: test}
detection: {s: {geo.country.iso_code: [SE, NO]}, condition: s}
---
title: Hoster
name: hoster
logsource: {product: test}
detection: {s: {client.as.number|gte: 64500, client.as.organization.name|contains: host}, condition: s}
---
title: Any
name: any
logsource: {product: test}
detection: {s: {e: a}, condition: s}
---
title: Many networks
name: many_networks
correlation:
  type: value_count
  rules: [any]
  group-by: [who]
  timespan: 1h
  condition: {field: client.as.number, gte: 2}
level: critical
---
title: One country
name: one_country
correlation: {type: event_count, rules: [any], group-by: [geo.country.iso_code], timespan: 1h, condition: {gte: 3}}
level: critical
)";

// 1.* is in Sweden and hosted by 64501, 2.* by 64502; of all else nothing is known.
class Known final : public AddressFacts {
 public:
  explicit Known(bool networks = true) : networks_(networks) {}
  bool has(AddressFact fact) const override {
    return networks_ || fact == AddressFact::CountryCode;
  }
  std::string_view find(AddressFact fact, std::string_view address,
                        std::string& scratch) const override {
    const bool first = address.starts_with("1.");
    if (!first && !address.starts_with("2.")) return {};
    switch (fact) {
      case AddressFact::CountryCode:
        return first ? "SE" : "";
      case AddressFact::AsNumber:
        return scratch = first ? "64501" : "64502";
      case AddressFact::AsOrganization:
        return "Some Hosting";
    }
    return {};
  }

 private:
  bool networks_;
};

std::shared_ptr<const RuleSet> rules_with(std::shared_ptr<const AddressFacts> facts) {
  auto file = parse_yaml(kRules, "rules.yml");
  RuleDocuments documents;
  read_rules(*std::move(file), {}, documents);
  auto schema = parse_schema(*parse_yaml(kSchema, "schema.yaml"));
  return *RuleSet::make(std::move(documents), {*std::move(schema)}, std::move(facts));
}

std::string line(int64_t time, const std::string& ip, const std::string& more = "") {
  return test_line(time, "a", "w", ",\"ip\":\"" + ip + "\"" + more);
}

// Titles of the detections that `text` matched and of the alerts that it opened.
std::string outcome(EngineRun& run, const std::string& text) {
  run.events.clear();
  run.lines(text);
  std::string found;
  for (const auto& [rule, count] : run.hits.matches) {
    const std::string& name = run.engine.stats().rules[rule].title;
    if (name != "Any") found += name + " ";
  }
  for (const AlertEvent& event : run.events) {
    const bool single = event.alert.rule.title == "Home" || event.alert.rule.title == "Hoster";
    if (event.change == AlertChange::Opened && !single) found += "! " + event.alert.rule.title;
  }
  return found;
}

TEST(AddressFacts, AreFieldsOfTheEvent) {
  const auto rules = rules_with(std::make_shared<Known>());
  EXPECT_TRUE(rules->rejected().empty());
  EngineRun run(rules);
  EXPECT_EQ(outcome(run, line(1, "1.2.3.4")), "Home Hoster ");
  EXPECT_EQ(outcome(run, line(2, "3.2.3.4")), "");
  EXPECT_EQ(outcome(run, test_line(3, "b")), "") << "no address";
  EXPECT_EQ(outcome(run, line(4, "2.2.3.4")), "Hoster ! Many networks");
}

TEST(AddressFacts, WhatTheRecordSaysComesFirst) {
  EngineRun run(rules_with(std::make_shared<Known>()));
  EXPECT_EQ(outcome(run, line(1, "1.2.3.4", R"(,"geo":{"country":{"iso_code":"DE"}})")), "Hoster ");
  EXPECT_EQ(outcome(run, line(2, "9.2.3.4", R"(,"geo.country.iso_code":"NO")")), "Home ");
  EXPECT_EQ(outcome(run, line(3, "1.2.3.4", R"(,"geo.country.iso_code":"")")), "Home Hoster ");
}

TEST(AddressFacts, AloneNeverMakeAnAlertCritical) {
  EngineRun run(rules_with(std::make_shared<Known>()));
  for (int64_t t : {1, 2, 3}) run.lines(line(t, "1.2.3.4"));
  int opened = 0;
  for (const AlertEvent& event : run.events) {
    if (event.alert.rule.title != "One country") continue;
    ++opened;
    EXPECT_EQ(event.alert.severity, Level::High);
  }
  EXPECT_EQ(opened, 1);
}

TEST(AddressFacts, RulesThatAskForWhatNobodyHasAreWarnedOf) {
  EXPECT_EQ(rules_with(nullptr)->rejected().size(), 5U)
      << "Home, Hoster twice, and two correlations";
  const auto countries = rules_with(std::make_shared<Known>(false));
  ASSERT_EQ(countries->rejected().size(), 3U);
  for (const Diagnostic& warning : countries->rejected()) {
    EXPECT_EQ(warning.severity, Severity::Warning);
    EXPECT_NE(warning.message.find("client.as."), std::string::npos) << warning.message;
  }
}

}  // namespace
}  // namespace picket
