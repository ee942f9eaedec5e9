#include "rules/batch.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

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

TEST(LineBatch, LinesAreCountedAsTheDecoderCountsThem) {
  LineBatch batch;
  EXPECT_EQ(count_lines(batch), 0u);
  for (const auto& [text, lines] :
       std::vector<std::pair<std::string, uint64_t>>{{"", 0},
                                                     {"\n", 1},
                                                     {"a", 1},
                                                     {"a\n", 1},
                                                     {"a\nb", 2},
                                                     {"\n\n\n", 3},
                                                     {std::string(1000, '\n'), 1000},
                                                     {std::string(256, 'x') + "\n" + "y", 2}}) {
    batch.bytes = PaddedBytes(std::string_view(text));
    EXPECT_EQ(count_lines(batch), lines) << text;
  }
  batch.kind = BatchKind::OversizeLine;
  EXPECT_EQ(count_lines(batch), 1u);
  batch.kind = BatchKind::EndOfStream;
  EXPECT_EQ(count_lines(batch), 0u);
}

TEST(LineBatch, StoredSizeIsThatOfTheStream) {
  LineBatch batch;
  EXPECT_EQ(stored_size(batch, "a\xC3\xA9\xF0\x9F\x98\x80"), 7u);
  batch.utf16 = true;
  EXPECT_EQ(stored_size(batch, ""), 0u);
  EXPECT_EQ(stored_size(batch, "a\n"), 4u);
  EXPECT_EQ(stored_size(batch, "\xC3\xA9"), 2u);          // U+00E9
  EXPECT_EQ(stored_size(batch, "\xEF\xBF\xBD"), 2u);      // half of a pair
  EXPECT_EQ(stored_size(batch, "\xF0\x9F\x98\x80"), 4u);  // U+1F600, a pair
}

}  // namespace
}  // namespace picket
