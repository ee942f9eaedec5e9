// Hazard: a file that begins with a byte order mark of UTF-16.
#include <gtest/gtest.h>

#include <string>

#include "tests/daemon/inputs/file_set_harness.h"
#include "tests/support/packed.h"
#include "tests/support/utf16.h"

namespace picket {
namespace {

const std::string kLog = "/log/a.log";

class FileTailUtf16 : public testing::TestWithParam<TextEncoding> {
 protected:
  std::string mark() const { return utf16_mark(GetParam()); }
  std::string stored(std::string_view text) const { return utf16(text, GetParam()); }

  TailHarness tail;
};
INSTANTIATE_TEST_SUITE_P(ByteOrders, FileTailUtf16,
                         testing::Values(TextEncoding::Utf16Le, TextEncoding::Utf16Be),
                         [](const auto& order) {
                           return order.param == TextEncoding::Utf16Le ? "Little" : "Big";
                         });

// One byte after the other, so that every look ends within something, and a restart after each.
TEST_P(FileTailUtf16, EveryByteMayBeTheLastOneForAWhile) {
  const std::string text =
      mark() + stored("{\"a\":\"\xC3\xA9\xF0\x9F\x98\x80\"}\r\n\xE0\xA8\x8A\n");
  for (const bool restarts : {false, true}) {
    TailHarness each;
    each.disk.write(kLog, "");
    each.start();
    for (const char byte : text) {
      each.disk.write(kLog, {&byte, 1});
      restarts ? each.restart() : each.settle();
    }
    EXPECT_EQ(each.sink.lines(), (Lines{"{\"a\":\"\xC3\xA9\xF0\x9F\x98\x80\"}\r", "\xE0\xA8\x8A"}));
    EXPECT_EQ(each.stats().truncations, 0u);
  }
}

TEST_P(FileTailUtf16, OffsetsAreThoseOfTheFile) {
  tail.disk.write(kLog, mark() + stored("\xC3\xA9\nab\n"));
  tail.start();
  ASSERT_EQ(tail.lines(), (Lines{"ab", "\xC3\xA9"}));
  const LineBatch& batch = tail.sink.batches.back();
  EXPECT_EQ(batch.offset, 2u);
  EXPECT_EQ(batch.offset + stored_size(batch, "\xC3\xA9\n"), 6u);
  const auto checkpoint = decode_checkpoint(tail.sink.checkpoints().at(kLog));
  ASSERT_TRUE(checkpoint);
  EXPECT_EQ(checkpoint->offset, 12u);
}

TEST_P(FileTailUtf16, TheHeadIsLookedAtAgainAfterATruncation) {
  tail.disk.write(kLog, mark() + stored("1\n"));
  tail.start();
  tail.disk.rewrite(kLog, "2\n");
  tail.settle();
  tail.disk.rewrite(kLog, mark() + stored("3\n"));
  tail.settle();
  EXPECT_EQ(tail.sink.lines(), (Lines{"1", "2", "3"}));
  EXPECT_EQ(tail.stats().truncations, 2u);
}

TEST_P(FileTailUtf16, RotatedAndCompressedWhileDown) {
  const std::string first = mark() + stored(numbered("a", 0, 5));
  const std::string all = first + stored(numbered("a", 5, 5));
  tail.disk.write(kLog, first);
  tail.start();
  tail.disk.write(kLog + ".1.gz", gzip(all));
  tail.disk.replace(kLog, mark() + stored("new\n"));
  tail.restart();
  tail.pass_grace();
  Lines expected = split_lines(numbered("a", 0, 10));
  expected.push_back("new");
  EXPECT_EQ(tail.lines(), sorted(expected));
}

TEST_P(FileTailUtf16, FromTheEndMeansFromTheStartOfTheLastLine) {
  tail.options.from_beginning = false;
  // U+0A00 and U+000A have the same bytes.
  tail.disk.write(kLog, mark() + stored("old\n\xE0\xA8\x80half").substr(0, 15));
  tail.start();
  tail.disk.write(kLog, stored("old\n\xE0\xA8\x80half").substr(15) + stored("\n"));
  tail.settle();
  EXPECT_EQ(tail.lines(), (Lines{"\xE0\xA8\x80half"}));
}

TEST_P(FileTailUtf16, LinesAreMeasuredAsUtf8) {
  tail.max_line = 30;
  std::string longest;
  for (int i = 0; i < 10; ++i) longest += "\xE2\x82\xAC";
  tail.disk.write(kLog, mark() + stored(longest + "\n" + longest + ".\nlast\n"));
  tail.start();
  EXPECT_EQ(tail.sink.lines(), (Lines{longest, "<oversize 31>", "last"}));
}

TEST(FileTailUtf16Head, AMarkElsewhereIsPartOfALine) {
  TailHarness tail;
  tail.disk.write(kLog, "1\n");
  tail.start();
  tail.disk.write(kLog, "\xFF\xFE\n");
  tail.settle();
  EXPECT_EQ(tail.sink.lines(), (Lines{"1", "\xFF\xFE"}));
}

}  // namespace
}  // namespace picket
