// UTF-16 as UTF-8: tables for what a standard leaves open, and a comparison with iconv for the
// rest.
#include "daemon/inputs/text_encoding.h"

#include <gtest/gtest.h>
#include <iconv.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "rules/batch.h"
#include "tests/support/utf16.h"

namespace picket {
namespace {

constexpr std::string_view kHalf = "\xEF\xBF\xBD";  // U+FFFD

std::string to_utf8(const std::string& text, TextEncoding encoding) {
  const PaddedBytes made = utf16_to_utf8(text, encoding);
  EXPECT_EQ(made.size(), utf8_length(text, encoding));
  return std::string(made.view());
}

TEST(TextEncoding, TheHeadTellsTheEncoding) {
  const auto mark = [](std::string_view head) { return byte_order_mark(head); };
  EXPECT_EQ(mark("\xEF\xBB\xBF{")->size, 3u);
  EXPECT_EQ(mark("\xEF\xBB\xBF{")->encoding, TextEncoding::Utf8);
  EXPECT_EQ(mark("\xFF\xFE")->size, 2u);
  EXPECT_EQ(mark("\xFF\xFE")->encoding, TextEncoding::Utf16Le);
  EXPECT_EQ(mark("\xFE\xFFx")->encoding, TextEncoding::Utf16Be);
  for (const std::string_view none : {"{", "\xEF{", "\xFF{", "\xFE\xFE", "\xEF\xBB{"}) {
    ASSERT_TRUE(mark(none)) << none;
    EXPECT_EQ(mark(none)->size, 0u) << none;
    EXPECT_EQ(mark(none)->encoding, TextEncoding::Utf8) << none;
  }
  for (const std::string_view unknown : {"", "\xEF", "\xEF\xBB", "\xFF", "\xFE"})
    EXPECT_FALSE(mark(unknown)) << unknown;
}

TEST(TextEncoding, UnitsBecomeCharacters) {
  struct Case {
    std::vector<uint16_t> units;
    std::string text;
  };
  const std::string half(kHalf);
  const Case cases[] = {
      {{}, ""},
      {{0x00}, std::string(1, '\0')},
      {{0x7F}, "\x7F"},
      {{0x80}, "\xC2\x80"},
      {{0x7FF}, "\xDF\xBF"},
      {{0x800}, "\xE0\xA0\x80"},
      {{0xD7FF, 0xE000}, "\xED\x9F\xBF\xEE\x80\x80"},
      {{0xFFFF}, "\xEF\xBF\xBF"},
      {{0xD800, 0xDC00}, "\xF0\x90\x80\x80"},
      {{0xDBFF, 0xDFFF}, "\xF4\x8F\xBF\xBF"},
      {{0xD800}, half},
      {{0xDC00}, half},
      {{0xD800, 0x0A}, half + "\n"},
      {{0xDC00, 0xD800}, half + half},
      {{0xD800, 0xD800, 0xDC00}, half + "\xF0\x90\x80\x80"},
      {{0xD800, 0xDC00, 0xDC00}, "\xF0\x90\x80\x80" + half},
  };
  for (const Case& one : cases) {
    for (const TextEncoding encoding : {TextEncoding::Utf16Le, TextEncoding::Utf16Be}) {
      const std::string text = utf16_units(one.units, encoding);
      EXPECT_EQ(to_utf8(text, encoding), one.text);
      EXPECT_EQ(to_utf8(text + "\x20", encoding), one.text + half) << "half a unit";
    }
  }
}

TEST(TextEncoding, NewlinesAreWholeUnits) {
  for (const TextEncoding encoding : {TextEncoding::Utf16Le, TextEncoding::Utf16Be}) {
    // U+0A00, U+000A, U+0A0A and U+0D0A have the bytes of a newline in them.
    const std::string text = utf16_units({0x0A00, 0x41, 0x0A0A, 0x0A, 0x0D0A, 0x0A}, encoding);
    EXPECT_EQ(find_newline(text, 0, encoding), 6u);
    EXPECT_EQ(find_newline(text, 8, encoding), 10u);
    EXPECT_EQ(find_newline(text.substr(0, 11), 8, encoding), std::string::npos);
    EXPECT_EQ(last_line(text, encoding), 12u);
    EXPECT_EQ(last_line(text.substr(0, 11), encoding), 8u);
    EXPECT_EQ(last_line(text.substr(0, 7), encoding), 0u);
  }
  EXPECT_EQ(find_newline("a\nb", 0, TextEncoding::Utf8), 1u);
  EXPECT_EQ(last_line("a\nb", TextEncoding::Utf8), 2u);
  EXPECT_EQ(last_line("ab", TextEncoding::Utf8), 0u);
}

TEST(TextEncoding, NothingEndsWithinACharacter) {
  for (const TextEncoding encoding : {TextEncoding::Utf16Le, TextEncoding::Utf16Be}) {
    const std::string text = utf16_units({0x41, 0xD83D, 0xDE00}, encoding);
    const size_t expected[] = {0, 0, 2, 2, 2, 2, 6};
    for (size_t length = 0; length <= text.size(); ++length)
      EXPECT_EQ(whole_characters(std::string_view(text).substr(0, length), encoding),
                expected[length]);
  }
  EXPECT_EQ(whole_characters("abc", TextEncoding::Utf8), 3u);
}

// What iconv makes of it, and U+FFFD for each unit that it stops at.
std::string by_iconv(std::string text, TextEncoding encoding) {
  const iconv_t made =
      ::iconv_open("UTF-8", encoding == TextEncoding::Utf16Le ? "UTF-16LE" : "UTF-16BE");
  char* from = text.data();
  size_t left = text.size();
  std::string out(2 * text.size() + 4, '\0');
  char* to = out.data();
  size_t room = out.size();
  while (left > 0 && ::iconv(made, &from, &left, &to, &room) == static_cast<size_t>(-1)) {
    for (const char byte : kHalf) *to++ = byte;
    room -= kHalf.size();
    from += 2;
    left -= 2;
  }
  ::iconv_close(made);
  out.resize(out.size() - room);
  return out;
}

TEST(TextEncoding, RandomUnitsBecomeWhatIconvMakesOfThem) {
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<uint16_t> units(random() % 12);
    for (uint16_t& unit : units) {
      constexpr uint16_t kStarts[] = {0, 0x40, 0x7F0, 0xD7F0, 0xDBF0, 0xDFF0, 0xFFE0};
      constexpr uint32_t kWidths[] = {0x80, 0x100, 0x20, 0x800, 0x20, 0x20, 0x20};
      const size_t kind = random() % std::size(kStarts);
      unit = static_cast<uint16_t>(kStarts[kind] + random() % kWidths[kind]);
    }
    for (const TextEncoding encoding : {TextEncoding::Utf16Le, TextEncoding::Utf16Be}) {
      const std::string text = utf16_units(units, encoding);
      ASSERT_EQ(to_utf8(text, encoding), by_iconv(text, encoding)) << testing::PrintToString(units);
    }
  }
}

}  // namespace
}  // namespace picket
