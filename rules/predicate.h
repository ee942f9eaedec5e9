// CompiledPredicate: one test of one field, ready to run.
//
// compile_predicate picks the cheapest form that means the same: a pattern without wildcards is a
// comparison, "*x*" a substring search, and only the rest is matched part by part.
//
// Thread rule: const after compiling; shared by all workers.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/result.h"
#include "rules/event.h"
#include "rules/field_table.h"
#include "rules/match_tree.h"

namespace re2 {
class RE2;
}

namespace picket {

class BacktrackRegex;

constexpr FieldId kKeywordField = 0xFFFF;

struct CidrRange {
  std::array<uint8_t, 16> address{};
  int bits = 0;
  bool v6 = false;
};

struct CompiledPredicate {
  enum class Kind : uint8_t {
    Exact,
    Prefix,
    Suffix,
    Contains,
    Glob,  // text forms, in `text` or `parts`
    Null,
    Bool,
    Number,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Regex,
    Cidr,
    Exists,
    FieldRef,
    Before,
  };
  Kind kind = Kind::Exact;
  bool cased = false;
  bool flag = false;
  Affix affix = Affix::None;
  DatePart date_part = DatePart::None;
  FieldId field = 0;
  FieldId other = 0;
  double number = 0;
  std::string text;  // folded unless cased
  std::vector<PatternPart> parts;
  std::shared_ptr<const re2::RE2> regex;
  std::shared_ptr<const BacktrackRegex> backtrack;  // instead of `regex`, where that cannot do it
  CidrRange cidr;
};

// Errors: a malformed regular expression or network.
Result<CompiledPredicate> compile_predicate(const Predicate& predicate, FieldTable& fields,
                                            const Location& where);

// True when the event's value passes; an array passes when any element does. A backtracking
// expression that reaches its limit does not pass and is counted in Event::regex_limits.
bool holds(const CompiledPredicate& predicate, Event& event);
// The same for one value that is no array. REQUIRES: the kind is neither FieldRef nor Before.
bool value_holds(const CompiledPredicate& predicate, Event& event, const Value& value);

}  // namespace picket
