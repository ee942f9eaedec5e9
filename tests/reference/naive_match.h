// WARNING: slow on purpose. Linked into tests only.
//
// The rule language read literally: one recursion over the MatchTree, one naive routine per test,
// no index, no folding tricks, no memory between events. The compiled matcher must agree with it on
// every rule and event.
//
// Thread rule: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/rule_spec.h"
#include "rules/types.h"
#include "tests/reference/naive_json.h"

namespace picket {

struct NaiveEvent {
  NaiveValue record = {.kind = NaiveValue::Kind::Object};
  Timestamp time{};
};

// "a.b": the literal key, else a path through nested objects; null when absent.
const NaiveValue* naive_field(const NaiveEvent& event, const std::string& name);
// A JSON number, or a text that spells one.
std::optional<double> naive_number(const NaiveValue& value);
bool naive_glob(std::string_view text, const std::vector<PatternPart>& parts, bool cased);
bool naive_match(const MatchTree& tree, const NaiveEvent& event);

}  // namespace picket
