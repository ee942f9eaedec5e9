#include "rules/unescape.h"

#include <charconv>
#include <cstdint>

namespace picket {
namespace {

// The four hex digits at text[at..at+4), or -1.
int32_t hex4(std::string_view text, size_t at) {
  if (at + 4 > text.size()) return -1;
  uint32_t value = 0;
  auto [end, error] = std::from_chars(text.data() + at, text.data() + at + 4, value, 16);
  if (error != std::errc{} || end != text.data() + at + 4) return -1;
  return static_cast<int32_t>(value);
}

size_t put_utf8(uint32_t code, char* out) {
  auto byte = [](uint32_t value) { return static_cast<char>(value); };
  if (code < 0x80) {
    out[0] = byte(code);
    return 1;
  }
  if (code < 0x800) {
    out[0] = byte(0xC0 | (code >> 6));
    out[1] = byte(0x80 | (code & 0x3F));
    return 2;
  }
  if (code < 0x10000) {
    out[0] = byte(0xE0 | (code >> 12));
    out[1] = byte(0x80 | ((code >> 6) & 0x3F));
    out[2] = byte(0x80 | (code & 0x3F));
    return 3;
  }
  out[0] = byte(0xF0 | (code >> 18));
  out[1] = byte(0x80 | ((code >> 12) & 0x3F));
  out[2] = byte(0x80 | ((code >> 6) & 0x3F));
  out[3] = byte(0x80 | (code & 0x3F));
  return 4;
}

// Reads the \u escape whose digits start at `at`; moves `at` behind it and its low surrogate.
uint32_t unicode_escape(std::string_view text, size_t& at) {
  int32_t code = hex4(text, at);
  if (code < 0) return 0xFFFD;
  at += 4;
  if (code < 0xD800 || code > 0xDFFF) return static_cast<uint32_t>(code);
  if (code < 0xDC00 && at + 6 <= text.size() && text[at] == '\\' && text[at + 1] == 'u') {
    int32_t low = hex4(text, at + 2);
    if (low >= 0xDC00 && low <= 0xDFFF) {
      at += 6;
      return 0x10000 + ((static_cast<uint32_t>(code) - 0xD800) << 10) +
             (static_cast<uint32_t>(low) - 0xDC00);
    }
  }
  return 0xFFFD;
}

}  // namespace

size_t unescape_into(std::string_view text, char* out) {
  size_t used = 0;
  for (size_t at = 0; at < text.size();) {
    char c = text[at++];
    if (c != '\\' || at == text.size()) {
      out[used++] = c;
      continue;
    }
    char escape = text[at++];
    switch (escape) {
      case 'b':
        out[used++] = '\b';
        break;
      case 'f':
        out[used++] = '\f';
        break;
      case 'n':
        out[used++] = '\n';
        break;
      case 'r':
        out[used++] = '\r';
        break;
      case 't':
        out[used++] = '\t';
        break;
      case 'u':
        used += put_utf8(unicode_escape(text, at), out + used);
        break;
      default:
        out[used++] = escape;
    }
  }
  return used;
}

std::string unescaped(std::string_view written) {
  // A broken \u escape of two bytes becomes three, so leave some room.
  std::string result(written.size() + written.size() / 2 + 1, '\0');
  result.resize(unescape_into(written, result.data()));
  return result;
}

}  // namespace picket
