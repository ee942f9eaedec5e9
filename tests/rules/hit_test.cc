#include "rules/hit.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

std::string record_of(const std::vector<RuleId>& rules,
                      const std::vector<std::pair<uint16_t, std::string>>& captures) {
  std::string out;
  HitWriter writer(out);
  writer.rules(rules);
  for (const auto& [index, value] : captures) writer.capture(index, value);
  writer.finish();
  return out;
}

TEST(Hit, ReadsBackWhatWasWritten) {
  const std::string big(70'000, 'x');
  const std::string record = record_of({3, 7}, {{0, "actor"}, {2, ""}, {4, big}});
  HitView view;
  ASSERT_TRUE(view.parse(record, 5));
  EXPECT_EQ(view.rules(), (std::vector<RuleId>{3, 7}));
  EXPECT_EQ(view.value(0), "actor");
  EXPECT_TRUE(view.has(2)) << "an empty text is there";
  EXPECT_EQ(view.value(2), "");
  EXPECT_FALSE(view.has(1));
  EXPECT_EQ(view.value(1), "");
  EXPECT_EQ(view.value(4), big);
  ASSERT_TRUE(view.parse(record_of({}, {}), 5)) << "a view is used again";
  EXPECT_TRUE(view.rules().empty());
  EXPECT_FALSE(view.has(0));
  const std::string third = record_of({1}, {{3, "b"}});
  const std::string first = record_of({1}, {{1, "c"}});
  ASSERT_TRUE(view.parse(third, 5));
  ASSERT_TRUE(view.parse(first, 5));
  EXPECT_FALSE(view.has(3)) << "what the record before had";
  EXPECT_EQ(view.value(1), "c");
}

TEST(Hit, RecordsFollowEachOtherInOneBuffer) {
  std::string out;
  for (uint16_t i = 0; i < 3; ++i) {
    size_t first = out.size();
    HitWriter writer(out);
    writer.rules({i});
    writer.capture(i, "v" + std::to_string(i));
    writer.finish();
    HitView view;
    ASSERT_TRUE(view.parse(std::string_view(out).substr(first), 3));
    EXPECT_EQ(view.rules()[0], i);
    EXPECT_EQ(view.value(i), "v" + std::to_string(i));
  }
}

TEST(Hit, MalformedRecordsAreRefused) {
  const std::string good = record_of({1, 2}, {{0, "abc"}, {3, "de"}});
  HitView view;
  ASSERT_TRUE(view.parse(good, 4));
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(view.parse(std::string_view(good).substr(0, size), 4)) << size;
  }
  EXPECT_FALSE(view.parse(good + "x", 4)) << "bytes are left";
  EXPECT_FALSE(view.parse(good, 3)) << "a capture that does not exist";
  std::string many_rules = good;
  many_rules[3] = '\x7f';
  EXPECT_FALSE(view.parse(many_rules, 4)) << "more rules than bytes";
  for (size_t at = 0; at < good.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = good;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      (void)view.parse(damaged, 4);  // any answer, but within bounds
    }
  }
}

}  // namespace
}  // namespace picket
