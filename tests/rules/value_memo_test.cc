// ValueMemo: keeps what comes again, gives back exactly what was kept, stays within its bounds.
#include "rules/value_memo.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "rules/event.h"

namespace picket {
namespace {

using Facts = std::vector<uint32_t>;

Value text_value(const std::string& text, ValueKind kind = ValueKind::String) {
  Value value = string_value(text);
  value.kind = kind;
  return value;
}

// Looks `key` up and keeps `facts` for it when that is wanted; tells whether it was known.
bool look(ValueMemo& memo, const ValueMemo::Key& key, const Facts& facts) {
  const ValueMemo::Found found = memo.find(key);
  if (found.known) {
    EXPECT_EQ(Facts(found.facts.begin(), found.facts.end()), facts);
    return true;
  }
  if (memo.is_wanted(key)) memo.keep(key, facts, UINT32_MAX);
  return false;
}

TEST(ValueMemo, KnowsAValueAfterTwoMisses) {
  ValueMemo memo;
  const std::string text = "C:\\Windows";
  const ValueMemo::Key key(7, text_value(text));
  EXPECT_FALSE(look(memo, key, {1, 2}));
  EXPECT_FALSE(look(memo, key, {1, 2}));
  EXPECT_TRUE(look(memo, key, {1, 2}));
  memo.clear();
  EXPECT_FALSE(look(memo, key, {1, 2}));
}

TEST(ValueMemo, TellsFieldsAndKindsApart) {
  ValueMemo memo;
  const std::string text = "404";
  const ValueMemo::Key keys[] = {{7, text_value(text)},
                                 {8, text_value(text)},
                                 {7, text_value(text, ValueKind::Number)},
                                 {7, text_value(text, ValueKind::RawString)}};
  for (int round = 0; round < 4; ++round) {
    for (uint32_t i = 0; i < std::size(keys); ++i) look(memo, keys[i], {i});
  }
  for (uint32_t i = 0; i < std::size(keys); ++i) EXPECT_TRUE(look(memo, keys[i], {i}));
}

TEST(ValueMemo, DoesNotKeepManyFacts) {
  ValueMemo memo;
  const std::string text = "x";
  const ValueMemo::Key key(1, text_value(text));
  for (int round = 0; round < 4; ++round) {
    EXPECT_FALSE(look(memo, key, Facts(ValueMemo::kFactsMax + 1, 5)));
  }
  const std::string longest(ValueMemo::kTextMax, 'x');
  EXPECT_TRUE(ValueMemo::may_keep(longest.size()));
  EXPECT_FALSE(ValueMemo::may_keep(longest.size() + 1));
  const ValueMemo::Key full(1, text_value(longest));
  for (int round = 0; round < 3; ++round) look(memo, full, Facts(ValueMemo::kFactsMax, 5));
  EXPECT_TRUE(look(memo, full, Facts(ValueMemo::kFactsMax, 5)));
}

TEST(ValueMemo, NeverMixesValuesUp) {
  ValueMemo memo;
  std::mt19937 random(3);
  uint64_t known = 0;
  for (int i = 0; i < 200'000; ++i) {
    const auto number = static_cast<uint32_t>(random() % (random() % 2 ? 500U : 20'000U));
    const std::string text = std::to_string(number);
    known += look(memo, ValueMemo::Key(static_cast<uint16_t>(number % 3), text_value(text)),
                  Facts(number % 5, number));
  }
  EXPECT_GT(known, 90'000U);
}

}  // namespace
}  // namespace picket
