// TextEncoding: how the characters of a file are stored, and UTF-16 as UTF-8.
//
// A byte order mark at the head of a file says that its text is UTF-16, as programs on Windows
// write it. LineCutter (line_cutter.h) finds the lines in the stored bytes, so that offsets stay
// those of the file, and makes UTF-8 of what leaves. No pair of surrogates goes over the end of a
// line, so each line is made into UTF-8 by itself.
//
// Half of a pair without the other one, and half of a unit at the end, become U+FFFD.
// Thread rule: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace picket {

class PaddedBytes;

enum class TextEncoding : uint8_t { Utf8, Utf16Le, Utf16Be };

struct ByteOrderMark {
  TextEncoding encoding = TextEncoding::Utf8;
  size_t size = 0;  // 0: there is none
};

// The mark at the start of `head`, the first bytes of a file. Nothing: more of them are needed.
std::optional<ByteOrderMark> byte_order_mark(std::string_view head);

// Bytes of a newline.
size_t newline_size(TextEncoding encoding);

// In what follows `text` is as it is stored, and begins with a character.

// Where the first newline at or after `from` begins; npos when there is none. REQUIRES: a character
// begins at `from`.
size_t find_newline(std::string_view text, size_t from, TextEncoding encoding);

// Where the line begins that `text` ends in; 0 when there is no newline.
size_t last_line(std::string_view text, TextEncoding encoding);

// The length of the longest beginning of `text` that does not end within a UTF-16 character.
size_t whole_characters(std::string_view text, TextEncoding encoding);

// The length of `text` as UTF-8.
size_t utf8_length(std::string_view text, TextEncoding encoding);

// `text`, which is UTF-16, as UTF-8.
PaddedBytes utf16_to_utf8(std::string_view text, TextEncoding encoding);

}  // namespace picket
