// WARNING: slow on purpose. Linked into tests only.
//
// NaiveValue: one JSON value as a plain tree, with the reader and the writer for it. The reference
// engines work on it, so that they share no code with the decoder that they are compared with.
//
// Thread rule: pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace picket {

struct NaiveValue {
  enum class Kind : uint8_t { Null, Bool, Number, String, Array, Object };
  Kind kind = Kind::Null;
  std::string text = {};                           // as written; strings without quotes
  std::vector<NaiveValue> items = {};              // Array
  std::map<std::string, NaiveValue> members = {};  // Object

  // A bool, a number or a string.
  bool scalar() const { return kind == Kind::Bool || kind == Kind::Number || kind == Kind::String; }
};

// On one line; control characters come out as escapes.
std::string naive_json(const NaiveValue& value);
// Nothing when `text` is not one JSON value. Keys that occur twice: objects merge, otherwise the
// last one wins.
std::optional<NaiveValue> parse_naive_json(std::string_view text);

}  // namespace picket
