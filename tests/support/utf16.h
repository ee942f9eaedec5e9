// UTF-16 for tests that write it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/inputs/text_encoding.h"

namespace picket {

inline std::string utf16_units(const std::vector<uint16_t>& units, TextEncoding encoding) {
  std::string text;
  for (const uint16_t unit : units) {
    const char high = static_cast<char>(unit >> 8);
    const char low = static_cast<char>(unit & 0xFF);
    text += encoding == TextEncoding::Utf16Be ? high : low;
    text += encoding == TextEncoding::Utf16Be ? low : high;
  }
  return text;
}

// `text`, which is valid UTF-8, without a byte order mark.
inline std::string utf16(std::string_view text, TextEncoding encoding) {
  std::vector<uint16_t> units;
  for (size_t at = 0; at < text.size();) {
    const auto first = static_cast<unsigned char>(text[at++]);
    const int more = first < 0x80 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
    uint32_t code = more == 0 ? first : first & (0x3Fu >> more);
    for (int left = more; left > 0; --left)
      code = code << 6 | (static_cast<unsigned char>(text[at++]) & 0x3Fu);
    if (code < 0x10000) {
      units.push_back(static_cast<uint16_t>(code));
    } else {
      units.push_back(static_cast<uint16_t>(0xD800 + ((code - 0x10000) >> 10)));
      units.push_back(static_cast<uint16_t>(0xDC00 + ((code - 0x10000) & 0x3FF)));
    }
  }
  return utf16_units(units, encoding);
}

inline std::string utf16_mark(TextEncoding encoding) { return utf16_units({0xFEFF}, encoding); }

}  // namespace picket
