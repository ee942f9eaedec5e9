#include "rules/role_expression.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace picket {

class RoleExpressionParser {
 public:
  explicit RoleExpressionParser(const CorrelationSpec& spec) : spec_(spec) { split(); }

  Result<RoleExpression> parse() {
    out_.root_ = parse_or(false);
    if (problem_.empty() && next_ < words_.size()) {
      problem_ = fmt::format("expected 'and' or 'or' before '{}'", words_[next_]);
    }
    if (problem_.empty() && out_.holds(0)) {
      problem_ = "the condition holds when nothing at all happened";
      hint_ = "say which rule begins the window: 'a and not b'";
    }
    if (!problem_.empty()) {
      return fail(spec_.head.where, std::move(problem_), std::move(hint_));
    }
    return std::move(out_);
  }

 private:
  using Kind = RoleExpression::Kind;
  static constexpr int kDepthMax = 64;
  static constexpr size_t kTermsMax = 1000;

  void split() {
    std::string word;
    auto end = [&] {
      if (!word.empty()) words_.push_back(std::move(word));
      word.clear();
    };
    for (char c : spec_.condition.expression) {
      bool space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
      if (space || c == '(' || c == ')') end();
      if (c == '(' || c == ')') words_.emplace_back(1, c);
      if (!space && c != '(' && c != ')') word.push_back(c);
    }
    end();
  }

  bool accept(std::string_view word) {
    if (!problem_.empty() || next_ >= words_.size() || words_[next_] != word) return false;
    ++next_;
    return true;
  }

  uint32_t term(RoleExpression::Term term) {
    if (out_.terms_.size() >= kTermsMax) problem_ = "the condition is too long";
    out_.terms_.push_back(term);
    return static_cast<uint32_t>(out_.terms_.size() - 1);
  }

  uint32_t parse_or(bool negated) {
    uint32_t left = parse_and(negated);
    while (accept("or")) {
      out_.has_or_ = true;
      uint32_t right = parse_and(negated);
      left = term({Kind::Or, 0, left, right});
    }
    return left;
  }

  uint32_t parse_and(bool negated) {
    uint32_t left = parse_factor(negated);
    while (accept("and")) {
      uint32_t right = parse_factor(negated);
      left = term({Kind::And, 0, left, right});
    }
    return left;
  }

  uint32_t parse_factor(bool negated) {
    if (!problem_.empty()) return 0;
    if (depth_ >= kDepthMax) {
      problem_ = fmt::format("the condition is nested deeper than {} levels", kDepthMax);
      return 0;
    }
    ++depth_;
    uint32_t made = 0;
    if (accept("not")) {
      out_.has_not_ = true;
      uint32_t inner = parse_factor(true);
      made = term({Kind::Not, 0, inner, 0});
    } else if (accept("(")) {
      made = parse_or(negated);
      if (problem_.empty() && !accept(")")) problem_ = "a '(' in the condition is not closed";
    } else {
      made = parse_name(negated);
    }
    --depth_;
    return made;
  }

  uint32_t parse_name(bool negated) {
    if (next_ >= words_.size()) {
      problem_ = "the condition ends where a rule belongs";
      return 0;
    }
    const std::string& name = words_[next_++];
    auto it = std::find(spec_.rules.begin(), spec_.rules.end(), name);
    if (it == spec_.rules.end()) {
      // A rule may be called by its name where `rules` has its id, and the other way round.
      const auto& others = spec_.other_names;
      it = spec_.rules.begin() + (std::find(others.begin(), others.end(), name) - others.begin());
      if (others.empty()) it = spec_.rules.end();
    }
    if (it == spec_.rules.end()) {
      problem_ = fmt::format("the condition speaks of '{}', which is not one of 'rules'", name);
      if (auto near = nearest(name, spec_.rules)) hint_ = "did you mean '" + *near + "'?";
      return 0;
    }
    uint64_t role = uint64_t{1} << (it - spec_.rules.begin());
    (negated ? out_.unwanted_ : out_.wanted_) |= role;
    return term({Kind::Role, role, 0, 0});
  }

  const CorrelationSpec& spec_;
  RoleExpression out_;
  std::vector<std::string> words_;
  size_t next_ = 0;
  int depth_ = 0;
  std::string problem_;
  std::string hint_;
};

Result<RoleExpression> RoleExpression::parse(const CorrelationSpec& spec) {
  return RoleExpressionParser(spec).parse();
}

bool RoleExpression::holds(uint64_t roles, uint32_t at) const {
  const Term& term = terms_[at];
  switch (term.kind) {
    case Kind::Role:
      return (roles & term.role) != 0;
    case Kind::Not:
      return !holds(roles, term.left);
    case Kind::And:
      return holds(roles, term.left) && holds(roles, term.right);
    case Kind::Or:
      return holds(roles, term.left) || holds(roles, term.right);
  }
  return false;
}

std::vector<uint32_t> first_places(const CorrelationSpec& spec) {
  std::vector<uint32_t> places;
  for (const std::string& rule : spec.rules) {
    auto first = std::find(spec.rules.begin(), spec.rules.end(), rule) - spec.rules.begin();
    places.push_back(static_cast<uint32_t>(first));
  }
  return places;
}

}  // namespace picket
