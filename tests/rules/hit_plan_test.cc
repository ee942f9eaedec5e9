#include "rules/hit_plan.h"

#include <gtest/gtest.h>

#include "tests/support/engine_run.h"

namespace picket {
namespace {

// The ratio weighs the hits of `good` and of nothing else in the background.
constexpr char kRules[] = R"(
title: Bad
name: bad
logsource: {product: test}
detection: {s: {e: bad}, condition: s}
---
title: Good
name: good
logsource: {product: test}
detection: {s: {e: good}, condition: s}
---
title: Other
name: other
logsource: {product: test}
detection: {s: {e: other}, condition: s}
---
title: Mostly bad
name: mostly_bad
correlation: {group-by: [who], timespan: 60s}
picket:
  correlation: {type: ratio, part: bad, whole: good, gte: 0.5, min_events: 2, rest_once_per: 1s}
---
title: Many addresses
name: many_addresses
correlation:
  type: value_count
  rules: [other]
  group-by: [who]
  timespan: 1h
  condition: {field: ip, gte: 2}
)";

class HitPlanTest : public testing::Test {
 protected:
  RuleId id(const std::string& name) const {
    for (RuleId rule = 0; rule < rules_->rules().size(); ++rule) {
      if (rules_->rules()[rule].head->name == name) return rule;
    }
    ADD_FAILURE() << name;
    return 0;
  }
  // What the hit carries beside the evidence.
  std::vector<std::string> fields(const HitPlan::Part& part) const {
    std::vector<std::string> names;
    for (uint16_t capture : part.captures) {
      if (capture < EvidenceCapture::kCount) continue;
      names.emplace_back(rules_->fields().name(rules_->captures()[capture]));
    }
    return names;
  }

  using Rules = std::vector<RuleId>;
  using Names = std::vector<std::string>;
  const std::shared_ptr<const RuleSet> rules_ = make_rules(kRules);
  const RuleId bad_ = id("bad");
  const RuleId good_ = id("good");
  const RuleId other_ = id("other");
};

TEST_F(HitPlanTest, WhatCountsIsOneHitWithTheEvidence) {
  const HitPlan plan = plan_hit(*rules_, 0, {bad_, other_});
  EXPECT_EQ(plan.foreground.rules, Rules({bad_, other_}));
  EXPECT_EQ(fields(plan.foreground), Names({"who", "ip"}));
  EXPECT_GE(plan.foreground.captures.size(), size_t{EvidenceCapture::kCount});
  EXPECT_TRUE(plan.background.rules.empty());
  EXPECT_TRUE(plan.background.quanta.empty());
}

TEST_F(HitPlanTest, TheBackgroundIsAHitOfItsOwnWithoutEvidence) {
  const HitPlan plan = plan_hit(*rules_, 0, {good_, other_});
  EXPECT_EQ(plan.foreground.rules, Rules({other_}));
  EXPECT_EQ(plan.background.rules, Rules({good_}));
  EXPECT_EQ(fields(plan.background), Names({"who"}));
  EXPECT_EQ(plan.background.captures.size(), 1U);
  EXPECT_EQ(plan.background.quanta, std::vector<Duration>({Duration(1000)}));
}

TEST_F(HitPlanTest, WhatOneCorrelationHearsOfInBothWaysIsOneHit) {
  const HitPlan plan = plan_hit(*rules_, 0, {bad_, good_});
  EXPECT_EQ(plan.foreground.rules, Rules({bad_, good_}));
  EXPECT_TRUE(plan.background.rules.empty());
}

TEST_F(HitPlanTest, ArePlannedOnceForEachSetOfRules) {
  HitPlans plans(*rules_);
  const std::vector<Rules> sets = {{bad_}, {good_}, {bad_, good_}, {good_, other_}, {other_}};
  for (int round = 0; round < 2; ++round) {
    for (const Rules& set : sets) {
      const HitPlan& found = plans.find(0, set);
      EXPECT_EQ(found.foreground.rules, plan_hit(*rules_, 0, set).foreground.rules);
      EXPECT_EQ(found.background.rules, plan_hit(*rules_, 0, set).background.rules);
    }
    EXPECT_EQ(plans.size(), sets.size());
  }
}

TEST_F(HitPlanTest, ForgetAllWhenThereAreTooMany) {
  HitPlans plans(*rules_);
  Rules set;
  for (size_t i = 0; i <= HitPlans::kPlansMax; ++i) {
    set.assign({bad_, good_});
    for (size_t bits = i; bits != 0; bits >>= 1) set.push_back((bits & 1) != 0 ? other_ : bad_);
    EXPECT_FALSE(plans.find(0, set).foreground.rules.empty());
  }
  EXPECT_EQ(plans.size(), 1U);
}

}  // namespace
}  // namespace picket
