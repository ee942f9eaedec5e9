// Letters read back: every line comes out as it went in, and what is no letter is counted.
#include "daemon/dead_letter_reader.h"

#include <gtest/gtest.h>

#include "daemon/dead_letter.h"

namespace picket {
namespace {

LineBatch batch_of(std::string_view text) {
  LineBatch batch;
  batch.bytes = PaddedBytes(text);
  return batch;
}

std::string letter(std::string_view line, DecodeError reason = DecodeError::NotJson) {
  return to_line({.time = timestamp_ms(1787322356101),
                  .source = "api",
                  .file = "/var/log/a \"b\".ndjson",
                  .offset = 42,
                  .reason = reason,
                  .line = line});
}

TEST(DeadLetterReader, EveryLineComesBackByteByByte) {
  std::string all_bytes;
  for (int c = 0; c < 256; ++c) {
    if (c != '\n') all_bytes.push_back(static_cast<char>(c));
  }
  const std::string text = "{\"a\": \"\\u00e9 \\\" \x01\x1b\t\r";
  std::string letters;
  std::string lines;
  for (size_t length = 0; length <= all_bytes.size(); ++length) {
    const std::string bytes = all_bytes.substr(all_bytes.size() - length);
    letters += letter(bytes, DecodeError::InvalidUtf8) + letter(text);
    lines += bytes + "\n" + text + "\n";
  }
  LineBatch batch = batch_of(letters);
  DeadLetterReader reader;
  reader.unpack(batch);
  EXPECT_EQ(batch.bytes.view(), lines);
  EXPECT_EQ(reader.refused(), 0U);
}

TEST(DeadLetterReader, LastLetterNeedsNoNewline) {
  std::string text = letter("x");
  text.pop_back();
  LineBatch batch = batch_of(text);
  DeadLetterReader().unpack(batch);
  EXPECT_EQ(batch.bytes.view(), "x\n");
}

TEST(DeadLetterReader, LettersAreNoLongerThanSaid) {
  for (const size_t length : {0, 1, 1000, 1'000'000}) {
    const std::string line(length, '\x01');
    EXPECT_LE(letter(line).size(), DeadLetterReader::letter_max(length));
  }
}

TEST(DeadLetterReader, WhatIsNoLetterIsLeftOutAndCounted) {
  const std::string_view wrong[] = {
      "{\"time\":\"2026-08-21T14:25",
      "plain text",
      "[]",
      "{\"line\":\"no reason\"}",
      "{\"reason\":\"not_json\"}",
      "{\"reason\":\"not_json\",\"line\":3}",
      "{\"reason\":\"not_json\",\"line\":\"a\\nb\"}",
      "{\"reason\":\"invalid_utf8\",\"line_base64\":\"//4\"}",
      "{\"reason\":\"invalid_utf8\",\"line_base64\":\"!!!!\"}",
  };
  for (const std::string_view text : wrong) {
    LineBatch batch = batch_of(letter("before") + std::string(text) + "\n\n" + letter("after"));
    DeadLetterReader reader;
    reader.unpack(batch);
    EXPECT_EQ(batch.bytes.view(), "before\nafter\n") << text;
    EXPECT_EQ(reader.refused(), 1U) << text;
  }
}

TEST(DeadLetterReader, BatchesWithoutLinesStay) {
  LineBatch batch = batch_of("the beginning");
  batch.kind = BatchKind::OversizeLine;
  DeadLetterReader reader;
  reader.unpack(batch);
  EXPECT_EQ(batch.bytes.view(), "the beginning");
  EXPECT_EQ(reader.refused(), 0U);
}

}  // namespace
}  // namespace picket
