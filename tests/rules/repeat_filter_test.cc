#include "rules/repeat_filter.h"

#include <gtest/gtest.h>

namespace picket {
namespace {

TEST(RepeatFilter, OnlyWhatComesAfterTheFirstRepeatsIt) {
  RepeatFilter filter;
  EXPECT_FALSE(filter.repeats(7, timestamp_ms(100), 1));
  EXPECT_TRUE(filter.repeats(7, timestamp_ms(100), 1));
  EXPECT_TRUE(filter.repeats(7, timestamp_ms(101), 0));
  EXPECT_TRUE(filter.repeats(7, timestamp_ms(100), 2));
  EXPECT_FALSE(filter.repeats(7, timestamp_ms(100), 0)) << "its stream comes first";
  EXPECT_FALSE(filter.repeats(7, timestamp_ms(99), 1)) << "earlier: it is the first now";
  EXPECT_TRUE(filter.repeats(7, timestamp_ms(99), 1));
}

TEST(RepeatFilter, ForgetsWhatGaveWay) {
  RepeatFilter filter(1);
  EXPECT_FALSE(filter.repeats(2, timestamp_ms(1), 0));
  EXPECT_FALSE(filter.repeats(4, timestamp_ms(2), 0)) << "in the same place, but another";
  EXPECT_FALSE(filter.repeats(2, timestamp_ms(3), 0)) << "not known any more: let through";
}

}  // namespace
}  // namespace picket
