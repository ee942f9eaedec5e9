// Escaping by runs: text that needs no change is found first and copied with one append.
//
// The simpler method looks at each byte and appends it. Nearly all text in logs is plain ASCII, so
// eight bytes at a time are tested with word arithmetic; a table decides about single bytes, and
// only bytes from 0x80 up are decoded as UTF-8. Valid, harmless UTF-8 stays part of the run. Tested
// by tests/rules/json_writer_test.cc.
#include "rules/json_writer.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstring>

namespace picket {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// What the first byte says about a character.
enum class ByteClass : uint8_t { Clean, Quoted, Control, Multibyte };

constexpr std::array<ByteClass, 256> make_classes() {
  std::array<ByteClass, 256> classes{};
  for (size_t i = 0; i < 0x20; ++i) classes[i] = ByteClass::Control;
  classes[0x7F] = ByteClass::Control;
  classes['"'] = ByteClass::Quoted;
  classes['\\'] = ByteClass::Quoted;
  for (size_t i = 0x80; i < 256; ++i) classes[i] = ByteClass::Multibyte;
  return classes;
}
constexpr std::array<ByteClass, 256> kClasses = make_classes();

constexpr uint64_t repeat(uint8_t byte) { return 0x0101010101010101ULL * byte; }

// True when none of the eight bytes at `p` is a control, a quote, a backslash or above 0x7E. The
// borrow trick may only err towards "not plain", and those bytes are then looked at one by one.
bool eight_plain(const unsigned char* p) {
  uint64_t word = 0;
  std::memcpy(&word, p, sizeof word);
  const auto has_zero = [](uint64_t x) { return (x - repeat(1)) & ~x & repeat(0x80); };
  const uint64_t control = (word - repeat(0x20)) & ~word & repeat(0x80);
  return ((word & repeat(0x80)) | control | has_zero(word ^ repeat('"')) |
          has_zero(word ^ repeat('\\')) | has_zero(word ^ repeat(0x7F))) == 0;
}

struct CodePoint {
  uint32_t value = 0;
  size_t length = 1;  // bytes taken; for an invalid sequence, its longest valid beginning
  bool valid = false;
};

// The code point at `p`, by the table of well-formed sequences in the Unicode standard (3-7): only
// the second byte has a range that depends on the first.
CodePoint decode(const unsigned char* p, const unsigned char* end) {
  const unsigned lead = *p;
  size_t length = 0;
  unsigned low = 0x80;
  unsigned high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {};
  }
  uint32_t value = lead & (0x7FU >> length);
  for (size_t i = 1; i < length; ++i) {
    if (p + i == end || p[i] < low || p[i] > high) return {.value = 0, .length = i, .valid = false};
    value = (value << 6) | (p[i] & 0x3FU);
    low = 0x80;
    high = 0xBF;
  }
  return {.value = value, .length = length, .valid = true};
}

// Characters from U+0080 up that are invisible or change how their neighbours are shown.
bool is_hidden(uint32_t c) {
  if (c <= 0x9F || c == 0xAD || c == 0x061C || c == 0x180E || c == 0xFEFF) return true;
  if (c < 0x200B) return false;
  return c <= 0x200F || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) ||
         (c >= 0xFFF9 && c <= 0xFFFB) || (c >= 0xE0000 && c <= 0xE0FFF);
}

void append_hex4(std::string& out, uint32_t unit) {
  constexpr char kHex[] = "0123456789abcdef";
  const char text[6] = {
      '\\',           'u', kHex[(unit >> 12) & 15], kHex[(unit >> 8) & 15], kHex[(unit >> 4) & 15],
      kHex[unit & 15]};
  out.append(text, sizeof text);
}

// \uXXXX, as a surrogate pair above U+FFFF.
void append_escape(std::string& out, uint32_t c) {
  if (c > 0xFFFF) {
    append_hex4(out, 0xD800 + ((c - 0x10000) >> 10));
    c = 0xDC00 + ((c - 0x10000) & 0x3FF);
  }
  append_hex4(out, c);
}

void append_json_ascii(std::string& out, unsigned char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      append_escape(out, c);
  }
}

// kJson: also escape quotes and backslashes, and use JSON's short forms.
template <bool kJson>
void append_escaped(std::string& out, std::string_view text) {
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = p + text.size();
  const auto* run = p;
  const auto flush = [&] {
    out.append(reinterpret_cast<const char*>(run), static_cast<size_t>(p - run));
  };
  while (p != end) {
    while (end - p >= 8 && eight_plain(p)) p += 8;
    if (p == end) break;
    const ByteClass kind = kClasses[*p];
    if (kind == ByteClass::Clean || (!kJson && kind == ByteClass::Quoted)) {
      ++p;
      continue;
    }
    const CodePoint c = kind == ByteClass::Multibyte
                            ? decode(p, end)
                            : CodePoint{.value = *p, .length = 1, .valid = true};
    if (kind == ByteClass::Multibyte && c.valid && !is_hidden(c.value)) {
      p += c.length;
      continue;
    }
    flush();
    if (!c.valid) {
      out += kReplacement;
    } else if (kJson && c.value < 0x80) {
      append_json_ascii(out, static_cast<unsigned char>(c.value));
    } else {
      append_escape(out, c.value);
    }
    p += c.length;
    run = p;
  }
  flush();
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  append_escaped<true>(out, text);
  out += '"';
}

void append_printable(std::string& out, std::string_view text) { append_escaped<false>(out, text); }

std::string_view clip_utf8(std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  while (max_bytes > 0 && (static_cast<unsigned char>(text[max_bytes]) & 0xC0) == 0x80) --max_bytes;
  return text.substr(0, max_bytes);
}

void JsonWriter::key(std::string_view name) {
  comma();
  append_json_string(out_, name);
  out_ += ':';
  need_comma_ = false;
}

void JsonWriter::string(std::string_view text) {
  comma();
  append_json_string(out_, text);
}

void JsonWriter::number(double value) {
  if (!std::isfinite(value)) return null();
  comma();
  fmt::format_to(std::back_inserter(out_), "{}", value);
}

void JsonWriter::unsigned_number(uint64_t value) {
  comma();
  const fmt::format_int text(value);
  out_.append(text.data(), text.size());
}

void JsonWriter::signed_number(int64_t value) {
  comma();
  const fmt::format_int text(value);
  out_.append(text.data(), text.size());
}

void JsonWriter::boolean(bool value) {
  comma();
  out_ += value ? "true" : "false";
}

void JsonWriter::null() {
  comma();
  out_ += "null";
}

void JsonWriter::raw(std::string_view json) {
  comma();
  out_ += json;
}

void JsonWriter::member(std::string_view name, std::string_view text) {
  key(name);
  string(text);
}

}  // namespace picket
