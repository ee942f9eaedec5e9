// TextEncoding: UTF-16 in either byte order.
//
// UTF-8 is counted before it is written, so that a batch takes no more memory than its text: the
// queue that it waits in counts the room that it has.
//
// Tested by tests/daemon/inputs/text_encoding_test.cc.
#include "daemon/inputs/text_encoding.h"

#include <array>

#include "rules/batch.h"

namespace picket {
namespace {

constexpr uint32_t kReplacement = 0xFFFD;

struct KnownMark {
  std::string_view bytes;
  TextEncoding encoding;
};
constexpr std::array<KnownMark, 3> kMarks = {{{"\xEF\xBB\xBF", TextEncoding::Utf8},
                                              {"\xFF\xFE", TextEncoding::Utf16Le},
                                              {"\xFE\xFF", TextEncoding::Utf16Be}}};

bool is_high(uint32_t unit) { return (unit & 0xFC00) == 0xD800; }
bool is_low(uint32_t unit) { return (unit & 0xFC00) == 0xDC00; }

// The unit that begins at `at`.
uint32_t unit_at(const char* at, bool big) {
  const auto first = static_cast<unsigned char>(at[0]);
  const auto second = static_cast<unsigned char>(at[1]);
  return big ? uint32_t{first} << 8 | second : uint32_t{second} << 8 | first;
}

char* put(uint32_t code, char* to) {
  const auto byte = [&](uint32_t value) { *to++ = static_cast<char>(value); };
  if (code < 0x80) {
    byte(code);
    return to;
  }
  if (code < 0x800) {
    byte(0xC0 | code >> 6);
  } else {
    if (code < 0x10000) {
      byte(0xE0 | code >> 12);
    } else {
      byte(0xF0 | code >> 18);
      byte(0x80 | (code >> 12 & 0x3F));
    }
    byte(0x80 | (code >> 6 & 0x3F));
  }
  byte(0x80 | (code & 0x3F));
  return to;
}

// Whether the '\n' at `byte` is part of a newline, and not of another unit.
bool is_newline(std::string_view text, size_t byte, bool big) {
  const size_t unit = byte - (big ? 1 : 0);
  return unit % 2 == 0 && unit + 1 < text.size() && unit_at(text.data() + unit, big) == '\n';
}

}  // namespace

std::optional<ByteOrderMark> byte_order_mark(std::string_view head) {
  for (const auto& [bytes, encoding] : kMarks) {
    if (head.starts_with(bytes)) return ByteOrderMark{encoding, bytes.size()};
    if (bytes.starts_with(head)) return std::nullopt;
  }
  return ByteOrderMark{};
}

size_t newline_size(TextEncoding encoding) { return encoding == TextEncoding::Utf8 ? 1 : 2; }

size_t find_newline(std::string_view text, size_t from, TextEncoding encoding) {
  size_t found = text.find('\n', from);
  if (encoding == TextEncoding::Utf8) return found;
  const bool big = encoding == TextEncoding::Utf16Be;
  while (found != std::string_view::npos && !is_newline(text, found, big))
    found = text.find('\n', found + 1);
  return found == std::string_view::npos ? found : found - (big ? 1 : 0);
}

size_t last_line(std::string_view text, TextEncoding encoding) {
  size_t found = text.rfind('\n');
  if (encoding == TextEncoding::Utf8) return found + 1;  // npos + 1 is 0
  const bool big = encoding == TextEncoding::Utf16Be;
  while (found != std::string_view::npos && !is_newline(text, found, big))
    found = found == 0 ? std::string_view::npos : text.rfind('\n', found - 1);
  return found == std::string_view::npos ? 0 : found + (big ? 1 : 2);
}

size_t whole_characters(std::string_view text, TextEncoding encoding) {
  if (encoding == TextEncoding::Utf8) return text.size();
  const size_t whole = text.size() - text.size() % 2;
  if (whole == 0) return 0;
  const bool big = encoding == TextEncoding::Utf16Be;
  return is_high(unit_at(text.data() + whole - 2, big)) ? whole - 2 : whole;
}

size_t utf8_length(std::string_view text, TextEncoding encoding) {
  if (encoding == TextEncoding::Utf8) return text.size();
  const bool big = encoding == TextEncoding::Utf16Be;
  size_t length = text.size() % 2 == 0 ? 0 : 3;
  bool high = false;
  for (size_t at = 0; at + 1 < text.size(); at += 2) {
    const uint32_t unit = unit_at(text.data() + at, big);
    length += 1 + size_t{unit >= 0x80} + size_t{unit >= 0x800};
    if (high && is_low(unit)) length -= 2;  // a pair is four bytes
    high = is_high(unit);
  }
  return length;
}

PaddedBytes utf16_to_utf8(std::string_view text, TextEncoding encoding) {
  const bool big = encoding == TextEncoding::Utf16Be;
  const size_t length = utf8_length(text, encoding);
  PaddedBytes out(length);
  char* to = out.data();
  size_t at = 0;
  while (at + 1 < text.size()) {
    uint32_t code = unit_at(text.data() + at, big);
    at += 2;
    const uint32_t next = at + 1 < text.size() ? unit_at(text.data() + at, big) : 0;
    if (is_high(code) && is_low(next)) {
      code = 0x10000 + ((code & 0x3FF) << 10 | (next & 0x3FF));
      at += 2;
    } else if (is_high(code) || is_low(code)) {
      code = kReplacement;
    }
    to = put(code, to);
  }
  if (at < text.size()) put(kReplacement, to);
  out.resize(length);
  return out;
}

}  // namespace picket
