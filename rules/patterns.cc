// Texts with wildcards and the encodings that modifiers apply to them (see modifiers.h).
//
// base64offset: the encoding of a text depends on where it starts within a group of three bytes.
// Each of the three positions is encoded behind that many filler bytes, and the characters that
// mix with unknown neighbours are cut off: 0, 2, 3 at the front and, for a total length of 0, 1, 2
// modulo 3, none, 3 or 2 at the back. Example: "/bin/bash" at position 0 gives "L2Jpbi9iYXNo".
//
// windash: a dash that opens a word may be typed as any of five characters that Windows programs
// take for one; every such dash of a value varies on its own.
//
// Tested by tests/rules/modifiers_test.cc.
#include <array>

#include <fmt/format.h>

#include "rules/modifiers.h"

namespace picket {
namespace {

constexpr std::array<std::string_view, 5> kDashes = {"-", "/", "\u2013", "\u2014", "\u2015"};

std::string base64(std::string_view bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](size_t at) {
      return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0U;
    };
    const unsigned group = byte(i) << 16U | byte(i + 1) << 8U | byte(i + 2);
    out += kAlphabet[group >> 18U];
    out += kAlphabet[group >> 12U & 63U];
    out += i + 1 < bytes.size() ? kAlphabet[group >> 6U & 63U] : '=';
    out += i + 2 < bytes.size() ? kAlphabet[group & 63U] : '=';
  }
  return out;
}

std::vector<std::string> base64_offsets(const std::string& text) {
  constexpr std::array<size_t, 3> kFront = {0, 2, 3};
  constexpr std::array<size_t, 3> kBack = {0, 3, 2};
  std::vector<std::string> out;
  for (size_t offset = 0; offset < 3; ++offset) {
    const std::string code = base64(std::string(offset, ' ') + text);
    const size_t cut = kFront[offset] + kBack[(text.size() + offset) % 3];
    if (code.size() > cut) out.push_back(code.substr(kFront[offset], code.size() - cut));
  }
  return out;
}

// The code point at `at` and its length in bytes. A byte that is not UTF-8 stands for itself.
std::pair<uint32_t, size_t> decode_utf8(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const uint32_t first = byte(at);
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
  if (length == 1 || at + length > text.size()) return {first, 1};
  uint32_t point = first & (0xffU >> (length + 1));
  for (size_t i = 1; i < length; ++i) point = point << 6U | (byte(at + i) & 0x3fU);
  return {point, length};
}

std::string utf16(std::string_view text, bool big_endian) {
  std::string out;
  const auto put = [&](uint32_t unit) {
    const char high = static_cast<char>(unit >> 8U & 0xffU);
    const char low = static_cast<char>(unit & 0xffU);
    out += big_endian ? high : low;
    out += big_endian ? low : high;
  };
  for (size_t i = 0; i < text.size();) {
    const auto [point, length] = decode_utf8(text, i);
    i += length;
    if (point < 0x10000) {
      put(point);
    } else {
      put(0xd800U + ((point - 0x10000U) >> 10U));
      put(0xdc00U + ((point - 0x10000U) & 0x3ffU));
    }
  }
  return out;
}

Pattern encode_texts(const Pattern& pattern, TextTransform transform) {
  Pattern out = pattern;
  for (PatternPart& part : out) {
    if (part.kind == PatternPart::Kind::Text) {
      part.text = utf16(part.text, transform == TextTransform::Utf16Be);
    }
  }
  // Plain "utf16" carries the byte order mark of its little-endian bytes.
  if (transform == TextTransform::Utf16) {
    Pattern marked;
    append_text(marked, "\xff\xfe");
    for (PatternPart& part : out) {
      if (part.kind == PatternPart::Kind::Text) {
        append_text(marked, part.text);
      } else {
        marked.push_back(std::move(part));
      }
    }
    return marked;
  }
  return out;
}

bool is_word(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         byte >= 0x80;
}

size_t dash_length(std::string_view text, size_t at) {
  for (const std::string_view dash : kDashes) {
    if (text.substr(at).starts_with(dash)) return dash.size();
  }
  return 0;
}

// Splits `text` at the dashes that open a word: n + 1 pieces for n such dashes.
std::vector<std::string> split_at_dashes(std::string_view text) {
  std::vector<std::string> pieces(1);
  bool after_word = false;
  for (size_t i = 0; i < text.size();) {
    const size_t dash = dash_length(text, i);
    const size_t next = i + (dash > 0 ? dash : 1);
    const bool opens_word = dash > 0 && !after_word && next < text.size() &&
                            dash_length(text, next) == 0 && is_word(text[next]);
    if (opens_word) {
      pieces.emplace_back();
    } else {
      pieces.back() += text.substr(i, next - i);
    }
    after_word = dash == 0 && is_word(text[i]);
    i = next;
  }
  return pieces;
}

std::vector<Pattern> dash_variants(const Pattern& pattern, const Node& at, ReadContext& context) {
  std::vector<Pattern> variants(1);
  size_t bytes = 0;
  for (const PatternPart& part : pattern) bytes += part.text.size();
  for (const PatternPart& part : pattern) {
    if (part.kind != PatternPart::Kind::Text) {
      for (Pattern& variant : variants) variant.push_back(part);
      continue;
    }
    const std::vector<std::string> pieces = split_at_dashes(part.text);
    for (size_t i = 0; i < pieces.size(); ++i) {
      if (i > 0) {
        const size_t wanted = variants.size() * kDashes.size();
        if (wanted > kVariantsMax || wanted * bytes > kVariantBytesMax) {
          context.error(at,
                        wanted > kVariantsMax
                            ? fmt::format("'windash' makes more than {} variants", kVariantsMax)
                            : "the variants that 'windash' makes are too long",
                        "split the value with |contains|all");
          return {};
        }
        std::vector<Pattern> grown;
        for (const Pattern& variant : variants) {
          for (const std::string_view dash : kDashes) {
            append_text(grown.emplace_back(variant), dash);
          }
        }
        variants = std::move(grown);
      }
      for (Pattern& variant : variants) append_text(variant, pieces[i]);
    }
  }
  return variants;
}

std::vector<Pattern> base64_variants(const Pattern& pattern, bool offsets, const Node& at,
                                     ReadContext& context) {
  const bool plain = pattern.size() == 1 && pattern.front().kind == PatternPart::Kind::Text;
  if (!plain) {
    context.error(at,
                  pattern.empty() ? "there is nothing to encode in an empty text"
                                  : "a text with wildcards has no base64 form",
                  pattern.empty() ? "" : "escape a literal star or question mark with '\\'");
    return {};
  }
  const std::string& text = pattern.front().text;
  std::vector<Pattern> out;
  for (const std::string& code : offsets ? base64_offsets(text) : std::vector{base64(text)}) {
    append_text(out.emplace_back(), code);
  }
  return out;
}

}  // namespace

Pattern parse_pattern(std::string_view text) {
  Pattern pattern;
  std::string run;
  const auto flush = [&] {
    append_text(pattern, run);
    run.clear();
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (c == '\\' && (next == '*' || next == '?' || next == '\\')) {
      run += next;
      ++i;
    } else if (c == '*') {
      flush();
      append_many(pattern);
    } else if (c == '?') {
      flush();
      pattern.push_back({PatternPart::Kind::One, {}});
    } else {
      run += c;
    }
  }
  flush();
  return pattern;
}

void append_text(Pattern& pattern, std::string_view text) {
  if (text.empty()) return;
  if (pattern.empty() || pattern.back().kind != PatternPart::Kind::Text) {
    pattern.push_back({PatternPart::Kind::Text, {}});
  }
  pattern.back().text += text;
}

void append_many(Pattern& pattern) {
  if (!pattern.empty() && pattern.back().kind == PatternPart::Kind::Many) return;
  pattern.push_back({PatternPart::Kind::Many, {}});
}

std::vector<Pattern> transform_pattern(const Pattern& pattern, TextTransform transform,
                                       const Node& at, ReadContext& context) {
  switch (transform) {
    case TextTransform::Windash:
      return dash_variants(pattern, at, context);
    case TextTransform::Base64:
      return base64_variants(pattern, false, at, context);
    case TextTransform::Base64Offset:
      return base64_variants(pattern, true, at, context);
    case TextTransform::Utf16Le:
    case TextTransform::Utf16Be:
    case TextTransform::Utf16:
      break;
  }
  return {encode_texts(pattern, transform)};
}

}  // namespace picket
