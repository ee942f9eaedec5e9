// RoleExpression: the condition of a temporal correlation, "a and (b or not c)" over its rules.
//
//   or-term:   and-term { "or" and-term }
//   and-term:  factor { "and" factor }
//   factor:    "not" factor | "(" or-term ")" | a rule by name or id
//
// Thread rule: const after parse(). Tested by temporal_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "config/result.h"
#include "rules/rule_spec.h"

namespace picket {

class RoleExpression {
 public:
  // Reads spec.condition.expression. Errors: syntax, names that `rules` does not have, expressions
  // that nothing at all would satisfy.
  static Result<RoleExpression> parse(const CorrelationSpec& spec);

  // REQUIRES: a rule that is listed twice shows by its first bit.
  bool holds(uint64_t roles) const { return holds(roles, root_); }
  uint64_t wanted() const { return wanted_; }      // roles outside every "not"
  uint64_t unwanted() const { return unwanted_; }  // roles inside a "not"
  bool has_not() const { return has_not_; }
  bool has_or() const { return has_or_; }

 private:
  friend class RoleExpressionParser;
  enum class Kind : uint8_t { Role, Not, And, Or };
  struct Term {
    Kind kind = Kind::Role;
    uint64_t role = 0;
    uint32_t left = 0;
    uint32_t right = 0;
  };

  bool holds(uint64_t roles, uint32_t at) const;

  std::vector<Term> terms_;
  uint32_t root_ = 0;
  uint64_t wanted_ = 0;
  uint64_t unwanted_ = 0;
  bool has_not_ = false;
  bool has_or_ = false;
};

// Each role of `spec` by the first place at which its rule is listed: bit 2 of [a, b, a] is bit 0.
std::vector<uint32_t> first_places(const CorrelationSpec& spec);

}  // namespace picket
