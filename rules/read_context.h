// ReadContext: what the readers of one rule share: where problems go and the placeholder values.
//
// One context serves one document, so that "did this rule have a problem" is a question about its
// own diagnostics. rules/read_rules.cc makes it; the read_*.cc files take it by reference.
//
// Thread rule: one owner, one thread; borrowed for the duration of a call.
#pragma once

#include <string>
#include <utility>

#include "config/node.h"
#include "config/result.h"
#include "rules/rule_spec.h"

namespace picket {

struct ReadContext {
  const Placeholders& placeholders;
  Diagnostics diagnostics = {};
  // Predicates made so far and the bytes of their texts; read_match.cc bounds both.
  size_t tests = 0;
  size_t bytes = 0;
  bool full = false;  // one of the bounds was passed, which has been reported

  void error(Location where, std::string message, std::string hint = {}) {
    diagnostics.push_back({std::move(where), std::move(message), std::move(hint), Severity::Error});
  }
  void error(const Node& at, std::string message, std::string hint = {}) {
    error(at.where(), std::move(message), std::move(hint));
  }
  void warn(const Node& at, std::string message, std::string hint = {}) {
    diagnostics.push_back({at.where(), std::move(message), std::move(hint), Severity::Warning});
  }
};

// "did you mean 'x'?" for the entry of `known` nearest to `word`, or an empty text.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known);

}  // namespace picket
