// Tuples of values as one text: different ones never look the same.
#include "rules/group_values.h"

#include <gtest/gtest.h>

#include <set>

namespace picket {
namespace {

TEST(GroupValues, EveryTupleComesBackAndIsItsOwn) {
  const std::string zero(1, '\0');
  const std::string one(1, '\1');
  const std::string two(1, '\2');
  const std::vector<std::string> parts = {"",  "a",       zero,      one,
                                          two, one + two, one + one, "a" + zero};
  std::set<std::string> seen;
  size_t tuples = 0;
  for (const std::string& x : parts) {
    for (const std::string& y : parts) {
      std::string text;
      put_group_value(text, x);
      put_group_value(text, y);
      EXPECT_EQ(split_group_values(text), (std::vector<std::string>{x, y}));
      seen.insert(text);
      ++tuples;
    }
  }
  EXPECT_EQ(seen.size(), tuples);
}

}  // namespace
}  // namespace picket
