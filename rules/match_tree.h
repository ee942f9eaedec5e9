// MatchTree: a condition as rules state it: a tree whose leaves test one field each.
//
// Made by the rule reader, compiled by matcher.h. Kept apart from rule_spec.h, because matching
// needs no YAML.
//
// Thread rule: plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rules/types.h"

namespace picket {

// A string value split at its wildcards: "a*b" is Text a, Many, Text b.
struct PatternPart {
  enum class Kind : uint8_t { Text, Many, One };  // Many: '*', One: '?'
  Kind kind = Kind::Text;
  std::string text = {};
  bool operator==(const PatternPart&) const = default;
};

enum class MatchOp : uint8_t {
  Pattern,  // contains, startswith and endswith are folded into `pattern` as Many parts
  Null,     // the value is null or the field is absent
  Bool,
  Number,  // equal to `number`, also when written as a string
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  Regex,
  Cidr,
  Exists,    // `flag` true: the field is present
  FieldRef,  // equal to the value of field `text` (with startswith/endswith/contains: see affix)
  Before,    // the event's own time is before `number` (milliseconds); no field, only in exceptions
};

// Part of a timestamp that a comparison applies to (modifiers minute hour day week month year).
enum class DatePart : uint8_t { None, Minute, Hour, Day, Week, Month, Year };
enum class Affix : uint8_t { None, Contains, StartsWith, EndsWith };

// One test of one value: the leaf of a condition.
struct Predicate {
  std::string field = {};  // empty: any string value of the event (a keyword)
  MatchOp op = MatchOp::Pattern;
  bool cased = false;
  bool flag = false;  // Bool, Exists
  bool regex_ignore_case = false;
  bool regex_multi_line = false;
  bool regex_dot_all = false;
  DatePart date_part = DatePart::None;
  Affix affix = Affix::None;  // FieldRef only
  double number = 0;
  std::string text = {};  // Regex, Cidr, FieldRef
  std::vector<PatternPart> pattern = {};
  bool operator==(const Predicate&) const = default;
};

// A condition as a tree. And/Or without children are true/false.
struct MatchTree {
  enum class Kind : uint8_t { And, Or, Not, Leaf };
  Kind kind = Kind::And;
  std::vector<MatchTree> children = {};
  Predicate leaf = {};     // Kind::Leaf only
  std::string label = {};  // the selection that it was written as; means nothing to matching
};

// One line per node, children indented: for `explain`, golden tests and people.
std::string dump(const MatchTree& tree);

}  // namespace picket
