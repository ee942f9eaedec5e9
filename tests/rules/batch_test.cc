#include "rules/batch.h"

#include <gtest/gtest.h>

#include <string>

namespace picket {
namespace {

// Reads the padding, so that a sanitizer sees when it is not there.
int padding_sum(const PaddedBytes& bytes) {
  int sum = 0;
  for (size_t i = 0; i < PaddedBytes::kPadding; ++i) sum += bytes.data()[bytes.capacity() + i];
  return sum;
}

TEST(PaddedBytes, EmptyHasNothing) {
  const PaddedBytes bytes;
  EXPECT_EQ(bytes.view(), "");
  EXPECT_EQ(bytes.capacity(), 0u);
}

TEST(PaddedBytes, KeepsContentAndPaddingWhileGrowing) {
  PaddedBytes bytes(std::string_view("start"));
  std::string expected = "start";
  for (int i = 0; i < 1000; ++i) {
    bytes.append("0123456789");
    expected += "0123456789";
    ASSERT_EQ(bytes.view(), expected);
    ASSERT_EQ(padding_sum(bytes), 0);
  }
  bytes.reserve(10);
  EXPECT_EQ(bytes.view(), expected);
}

TEST(PaddedBytes, WrittenThroughData) {
  PaddedBytes bytes(size_t{8});
  EXPECT_EQ(bytes.capacity(), 8u);
  bytes.data()[0] = 'x';
  bytes.resize(1);
  EXPECT_EQ(bytes.view(), "x");
  bytes.clear();
  EXPECT_EQ(bytes.view(), "");
  bytes.append("");
  EXPECT_EQ(bytes.size(), 0u);
}

}  // namespace
}  // namespace picket
