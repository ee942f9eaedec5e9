// Modifiers: what stands behind the field name of a detection item, "field|contains|all".
//
// parse_modifiers checks that the combination makes sense; afterwards each piece of it can be
// applied on its own, in the order the struct lists them. The order in which encodings were written
// is kept, because "base64|base64offset" and "base64offset|base64" differ.
//
// Thread rule: plain values, pure functions.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "rules/read_context.h"
#include "rules/rule_spec.h"

namespace picket {

// A change of the text itself; each may turn one value into several alternatives.
enum class TextTransform : uint8_t { Windash, Base64, Base64Offset, Utf16Le, Utf16Be, Utf16 };

struct Modifiers {
  MatchOp op = MatchOp::Pattern;  // Pattern stands for "whatever the value's type says"
  Affix affix = Affix::None;
  DatePart date_part = DatePart::None;
  bool all = false;
  bool cased = false;
  bool negated = false;
  bool expand = false;
  bool ignore_case = false;
  bool multi_line = false;
  bool dot_all = false;
  std::vector<TextTransform> transforms = {};

  // True when values are texts whatever they look like: "contains: 4688" is about digits.
  bool wants_text() const { return affix != Affix::None || cased || !transforms.empty(); }
};

// `names` is what follows the field name, without the first '|'; `at` is the key, for messages.
std::optional<Modifiers> parse_modifiers(std::string_view names, const Node& at,
                                         ReadContext& context);

// A text with its wildcards, as a list of parts. The empty list is the empty text.
using Pattern = std::vector<PatternPart>;

// Splits a Sigma string at its wildcards. A backslash takes the meaning from '*', '?' and another
// backslash; before anything else it is a plain character.
Pattern parse_pattern(std::string_view text);

// Appends to `pattern`, joining texts and collapsing "**".
void append_text(Pattern& pattern, std::string_view text);
void append_many(Pattern& pattern);

// The alternatives that `transform` makes of `pattern`; nothing (and a diagnostic at `at`) when it
// cannot be applied: base64 of a wildcard, more dash variants than kVariantsMax or of more bytes
// than kVariantBytesMax.
constexpr size_t kVariantsMax = 4096;
constexpr size_t kVariantBytesMax = 16 << 20;
std::vector<Pattern> transform_pattern(const Pattern& pattern, TextTransform transform,
                                       const Node& at, ReadContext& context);

}  // namespace picket
