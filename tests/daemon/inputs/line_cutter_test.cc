#include "daemon/inputs/line_cutter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/utf16.h"

namespace picket {
namespace {

struct Piece {
  BatchKind kind;
  uint64_t offset;
  std::string text;  // of an oversize line: what was kept
  uint64_t length;
  auto operator<=>(const Piece&) const = default;
};

Piece piece_of(const LineBatch& batch) {
  const bool oversize = batch.kind == BatchKind::OversizeLine;
  return {batch.kind, batch.offset, std::string(batch.bytes.view()),
          oversize ? batch.oversize_length : batch.bytes.size()};
}

// Feeds `text` in reads that end at the bits of `cuts` (the first 64 bytes only), then finishes.
std::vector<Piece> cut(std::string_view text, CutterLimits limits, uint64_t cuts) {
  LineCutter cutter(limits);
  std::vector<Piece> pieces;
  for (size_t at = 0; at < text.size();) {
    size_t end = at + 1;
    while (end < text.size() && (end > 64 || (cuts >> (end - 1) & 1) == 0)) ++end;
    const auto space = cutter.space(end - at);
    EXPECT_GE(space.size(), 1u);
    EXPECT_LE(space.size(), end - at);
    std::memcpy(space.data(), text.data() + at, space.size());
    at += space.size();
    cutter.commit(space.size());
    while (auto batch = cutter.next()) {
      EXPECT_GE(batch->bytes.capacity(), batch->bytes.size());
      EXPECT_LE(cutter.resume_offset(), cutter.read_offset());
      pieces.push_back(piece_of(*batch));
    }
    EXPECT_EQ(cutter.read_offset(), at);
  }
  if (auto last = cutter.finish()) pieces.push_back(piece_of(*last));
  return pieces;
}

// The obviously right cutter: one piece per line.
std::vector<Piece> reference(std::string_view text, uint64_t max_line) {
  std::vector<Piece> pieces;
  size_t at = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  while (at < text.size()) {
    const size_t newline = std::min(text.find('\n', at), text.size());
    const size_t next = std::min(newline + 1, text.size());
    const std::string line(text.substr(at, newline - at));
    if (line.size() > max_line) {
      pieces.push_back({BatchKind::OversizeLine, at, line, line.size()});
    } else {
      pieces.push_back({BatchKind::Lines, at, std::string(text.substr(at, next - at)), next - at});
    }
    at = next;
  }
  return pieces;
}

// Batches of lines, taken apart into one piece per line.
std::vector<Piece> by_line(const std::vector<Piece>& pieces, bool utf16 = false) {
  LineBatch measure;
  measure.utf16 = utf16;
  std::vector<Piece> lines;
  for (const Piece& piece : pieces) {
    if (piece.kind != BatchKind::Lines) {
      lines.push_back(piece);
      continue;
    }
    uint64_t offset = piece.offset;
    for (std::string_view rest = piece.text; !rest.empty();) {
      const size_t end = std::min(rest.find('\n'), rest.size() - 1) + 1;
      lines.push_back({BatchKind::Lines, offset, std::string(rest.substr(0, end)), end});
      offset += stored_size(measure, rest.substr(0, end));
      rest.remove_prefix(end);
    }
  }
  return lines;
}

TEST(LineCutter, EverySplitOfSmallInputsGivesTheSameLines) {
  const std::vector<std::string> inputs = {"",
                                           "\n",
                                           "a",
                                           "a\n",
                                           "\n\n\n",
                                           "ab\ncd\n",
                                           "ab\ncd",
                                           "a\r\nb\r\n",
                                           "abcdef\ng\n",
                                           "a\nbcdefg\nh",
                                           "abcdefgh",
                                           "\xEF\xBB\xBF"
                                           "a\nb\n",
                                           "\xEF\xBB\xBF",
                                           "\xEF\xBB",
                                           "\xEF\xBB\n\xEF\xBB\xBF\n",
                                           "abcdef\nabcdef\n",
                                           "abcdef\n\nab",
                                           "abcd\nabcde\n",
                                           "\n\nabcdefghi\n\n"};
  for (const std::string& input : inputs) {
    for (const uint64_t max_line : {1, 3, 4, 5, 100}) {
      for (const uint64_t batch_bytes : {1, 2, 4, 7, 100}) {
        const CutterLimits limits{batch_bytes, max_line};
        const uint64_t splits = input.empty() ? 1 : uint64_t{1} << (input.size() - 1);
        for (uint64_t cuts = 0; cuts < splits; ++cuts) {
          const auto pieces = cut(input, limits, cuts);
          ASSERT_EQ(by_line(pieces), reference(input, max_line))
              << "input '" << input << "' max_line " << max_line << " batch_bytes " << batch_bytes
              << " cuts " << cuts;
        }
      }
    }
  }
}

// The lines of the same text as UTF-8, at the offsets that they have as UTF-16.
std::vector<Piece> utf16_reference(const std::string& text, TextEncoding encoding,
                                   uint64_t max_line) {
  std::vector<Piece> lines = reference(text, max_line);
  uint64_t offset = utf16_mark(encoding).size();
  for (Piece& line : lines) {
    line.offset = offset;
    offset += utf16(line.text, encoding).size();
    if (line.kind == BatchKind::OversizeLine) offset += 2;  // the newline, if there is one
  }
  return lines;
}

TEST(LineCutter, EverySplitOfUtf16GivesTheLinesOfTheSameTextAsUtf8) {
  const std::vector<std::string> inputs = {"",
                                           "\n",
                                           "a",
                                           "a\n\nb\r\n",
                                           "ab\ncd",
                                           "abcdef\ng\n",
                                           "\xF0\x9F\x98\x80\n\xC3\xA9\n",
                                           "a\xF0\x9F\x98\x80z\nb",
                                           "\xE0\xA8\x8A\n\xE0\xA8\x80"};  // U+0A0A, U+0A00
  for (const std::string& input : inputs) {
    for (const TextEncoding encoding : {TextEncoding::Utf16Le, TextEncoding::Utf16Be}) {
      const std::string stored = utf16_mark(encoding) + utf16(input, encoding);
      for (const uint64_t max_line : {1, 3, 4, 5, 100}) {
        for (const uint64_t batch_bytes : {1, 3, 4, 100}) {
          const CutterLimits limits{batch_bytes, max_line, true};
          // An odd stride leaves out none of the shorter beginnings.
          const uint64_t stride = stored.size() > 12 ? 37 : 1;
          for (uint64_t cuts = 0; cuts < uint64_t{1} << (stored.size() - 1); cuts += stride) {
            ASSERT_EQ(by_line(cut(stored, limits, cuts), true),
                      utf16_reference(input, encoding, max_line))
                << "input '" << input << "' max_line " << max_line << " batch_bytes " << batch_bytes
                << " cuts " << cuts;
          }
        }
      }
    }
  }
}

TEST(LineCutter, Utf16IsCountedAsUtf8) {
  const auto encoding = TextEncoding::Utf16Le;
  const std::string mark = utf16_mark(encoding);
  const std::string fits = "\xE2\x82\xAC\xE2\x82\xAC\n";
  const std::string longer = "\xE2\x82\xAC\xE2\x82\xAC.\n";
  const auto pieces = cut(mark + utf16(fits + longer + fits, encoding), {100, 6, true}, 0);
  ASSERT_EQ(pieces.size(), 3u);
  EXPECT_EQ(pieces[0].text, fits);
  EXPECT_EQ(pieces[1].kind, BatchKind::OversizeLine);
  EXPECT_EQ(pieces[1].length, 7u);
  EXPECT_EQ(pieces[2].text, fits);
  // What is kept of it ends with a character.
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += "\xE2\x82\xAC";
  const auto kept = cut(mark + utf16(text, encoding), {4096, 100'000, true}, 0);
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].length, text.size());
  EXPECT_EQ(kept[0].text, text.substr(0, LineCutter::kOversizeKept / 3 * 3));
}

TEST(LineCutter, WhatBreaksOffWithinACharacterIsReplaced) {
  const auto encoding = TextEncoding::Utf16Be;
  const std::string stored =
      utf16_mark(encoding) + utf16("a", encoding) + utf16_units({0xD83D}, encoding) + "\x20";
  for (const uint64_t max_line : {7, 6}) {
    const auto pieces = cut(stored, {100, max_line, true}, 0);
    ASSERT_EQ(pieces.size(), 1u);
    EXPECT_EQ(pieces[0].kind, max_line == 7 ? BatchKind::Lines : BatchKind::OversizeLine);
    EXPECT_EQ(pieces[0].text, "a\xEF\xBF\xBD\xEF\xBF\xBD");
  }
}

TEST(LineCutter, StreamsThatMayNotBeUtf16AreNot) {
  const std::string text = "\xFF\xFE" + std::string("a\0\n\0", 4);
  EXPECT_EQ(by_line(cut(text, {100, 100}, 0)), reference(text, 100));
}

TEST(LineCutter, BatchesAreFullButNotOverBatchBytes) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "0123456789012345678\n";
  const auto pieces = cut(text, {256, 1 << 20}, 0);
  for (const Piece& piece : pieces) EXPECT_LE(piece.text.size(), 256u);
  EXPECT_LE(pieces.size(), 20'000 / 240 + 1u);
}

TEST(LineCutter, OversizeLineKeepsItsStartAndItsLength) {
  const std::string text = "{\"good\":1}\n" + std::string(300'000, 'x') + "\n{\"good\":2}\n";
  const auto pieces = cut(text, {4096, 100'000}, 0);
  ASSERT_EQ(pieces.size(), 3u);
  EXPECT_EQ(pieces[0].text, "{\"good\":1}\n");
  EXPECT_EQ(pieces[1].kind, BatchKind::OversizeLine);
  EXPECT_EQ(pieces[1].offset, 11u);
  EXPECT_EQ(pieces[1].length, 300'000u);
  EXPECT_EQ(pieces[1].text, std::string(LineCutter::kOversizeKept, 'x'));
  EXPECT_EQ(pieces[2].text, "{\"good\":2}\n");
}

TEST(LineCutter, ResumeOffsetStaysAtTheStartOfTheLineThatIsSkipped) {
  LineCutter cutter({16, 8}, 1000);
  const std::string_view text = "a\nbbbbbbbbbbbbb";
  const auto space = cutter.space(text.size());
  ASSERT_EQ(space.size(), text.size());
  std::memcpy(space.data(), text.data(), text.size());
  cutter.commit(text.size());
  ASSERT_TRUE(cutter.next());
  EXPECT_FALSE(cutter.next());
  EXPECT_EQ(cutter.resume_offset(), 1002u);
  EXPECT_EQ(cutter.read_offset(), 1015u);
}

TEST(LineCutter, OneLineInManySmallPiecesIsLinear) {
  // 4 MiB in reads of 64 bytes: quadratic work would take minutes.
  LineCutter cutter({1 << 20, 16 << 20});
  for (int i = 0; i < (4 << 20) / 64; ++i) {
    const auto space = cutter.space(64);
    std::memset(space.data(), 'x', space.size());
    cutter.commit(space.size());
    ASSERT_FALSE(cutter.next());
  }
  const auto last = cutter.finish();
  ASSERT_TRUE(last);
  EXPECT_EQ(last->bytes.size(), size_t{4 << 20});
}

}  // namespace
}  // namespace picket
