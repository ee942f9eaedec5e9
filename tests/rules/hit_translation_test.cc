// Hits that wait in the reorder buffer while rules are changed: rules that stay get theirs.
#include "rules/hit_translation.h"

#include <gtest/gtest.h>

#include "tests/support/engine_run.h"

namespace picket {
namespace {

constexpr char kSteady[] = R"(
title: A
name: a
logsource: {product: test}
detection: {s: {e: a}, condition: s}
---
title: Three
name: three
correlation: {type: event_count, rules: [a], group-by: [who], timespan: 30s, condition: {gte: 3}}
---
title: Guarded
name: guarded
correlation: {type: event_count, rules: [a], group-by: [who], timespan: 30s, condition: {gte: 3}}
picket: {exceptions: [{match: {who: nobody}}]}
)";
// Comes first, so that the numbers of rules and captures move.
constexpr char kOther[] = R"(
title: Aside
name: aside
logsource: {product: test}
detection: {s: {e: b}, condition: s}
---
title: Aside too
name: aside_too
correlation: {type: event_count, rules: [aside], group-by: [other], timespan: 30s, condition: {gte: 9}}
---
)";

// What comes of three lines, two of which wait while `before` becomes `after`.
std::string opened(const std::string& before, const std::string& after) {
  const auto old_rules = make_rules(before);
  const auto new_rules = make_rules(after);
  const EngineOptions engine{.live = false, .track_changes = true};
  EngineRun first(old_rules, {.engine = engine, .lateness = Duration(10'000)});
  first.lines(test_line(1'000, "a") + test_line(2'000, "a"));
  EngineRun second(new_rules, {.engine = engine, .streams = 0});
  EXPECT_EQ(second.engine.restore(first.engine.take_changes()), 0U);
  second.engine.add_stream(0, Duration(10'000));
  second.lines(test_line(3'000, "a"));
  second.finish();
  std::string names;
  for (const AlertEvent& event : second.events) {
    if (event.change == AlertChange::Opened) names += event.alert.rule.name + " ";
  }
  return names;
}

TEST(HitTranslation, RulesThatStayGetWhatWaits) {
  const std::string more = std::string(kOther) + kSteady;
  EXPECT_EQ(opened(kSteady, more), opened(kSteady, kSteady));
  EXPECT_EQ(opened(more, kSteady), opened(kSteady, kSteady));
  EXPECT_NE(opened(kSteady, kSteady), "");
}

TEST(HitTranslation, WhatIsOfNoUseIsLeftOut) {
  const auto rules = make_rules(kSteady);
  const auto others = make_rules(
      "title: B\nname: b\nlogsource: {product: test}\n"
      "detection: {s: {e: b}, condition: s}\n");
  std::string record;
  HitWriter writer(record);
  writer.rules({0});
  writer.finish();
  std::string same = record;
  const HitVocabulary ours = HitVocabulary::of(*rules);
  EXPECT_TRUE(HitTranslation(ours, ours).translate(same));
  EXPECT_EQ(same, record);
  EXPECT_FALSE(HitTranslation(ours, HitVocabulary::of(*others)).translate(record));
  std::string damaged = "x";
  EXPECT_FALSE(HitTranslation(ours, ours).translate(damaged));
}

TEST(HitTranslation, TheVocabularyRoundTripsAndDamageIsNoticed) {
  const auto rules = make_rules(std::string(kOther) + kSteady);
  const HitVocabulary vocabulary = HitVocabulary::of(*rules);
  EXPECT_GT(vocabulary.rules.size(), rules->rules().size()) << "feeds have numbers, too";
  EXPECT_FALSE(vocabulary.captures.empty());
  const std::string text = vocabulary.encode();
  const auto read = HitVocabulary::decode(text);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->rules, vocabulary.rules);
  EXPECT_EQ(read->captures, vocabulary.captures);
  for (size_t length = 0; length < text.size(); ++length) {
    EXPECT_FALSE(HitVocabulary::decode(text.substr(0, length)));
  }
  EXPECT_FALSE(HitVocabulary::decode(text + "x"));
}

}  // namespace
}  // namespace picket
