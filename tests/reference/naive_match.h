// WARNING: slow on purpose. Linked into tests only.
//
// The rule language read literally: one recursion over the MatchTree, one naive routine per test,
// no index, no folding tricks, no memory between events. The compiled matcher must agree with it on
// every rule and event.
//
// Thread rule: pure functions.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "rules/rule_spec.h"
#include "rules/types.h"

namespace picket {

// A JSON value as the tests build it.
struct NaiveValue {
  enum class Kind : uint8_t { Null, Bool, Number, String, Array, Object };
  Kind kind = Kind::Null;
  std::string text = {};                           // as written; strings without quotes
  std::vector<NaiveValue> items = {};              // Array
  std::map<std::string, NaiveValue> members = {};  // Object
};

struct NaiveEvent {
  NaiveValue record = {.kind = NaiveValue::Kind::Object};
  Timestamp time{};
};

std::string naive_json(const NaiveValue& value);
// "a.b": the literal key, else a path through nested objects; null when absent.
const NaiveValue* naive_field(const NaiveEvent& event, const std::string& name);
bool naive_glob(std::string_view text, const std::vector<PatternPart>& parts, bool cased);
bool naive_match(const MatchTree& tree, const NaiveEvent& event);

}  // namespace picket
