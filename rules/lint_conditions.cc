// Dead and useless parts of conditions.
//
// Everything is decided by what leaves say literally: two different exact values for one field, a
// range that is empty, an hour that no clock shows, a part and its own negation, a text that
// contains another. So what is found here is certain, but for fields that hold lists, of which any
// element may match; for those the message says so.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "rules/explain_match.h"
#include "rules/lint.h"

namespace picket {
namespace {

using Kind = MatchTree::Kind;

constexpr size_t kAlternativesMax = 500;  // pairs are compared

// The parts that must all hold for `tree` to hold.
void conjuncts(const MatchTree& tree, std::vector<const MatchTree*>& out) {
  if (tree.kind != Kind::And) {
    out.push_back(&tree);
    return;
  }
  for (const MatchTree& child : tree.children) conjuncts(child, out);
}

std::string name_of(const MatchTree& tree) {
  if (!tree.label.empty()) return "'" + tree.label + "'";
  if (tree.kind == Kind::Leaf) return "'" + written_form(tree.leaf) + "'";
  return "a part";
}

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return text;
}

// What the conjuncts say of one field.
struct FieldFacts {
  const Predicate* exact = nullptr;  // the first exact value
  const Predicate* null = nullptr;
  const Predicate* some = nullptr;  // a test that only a value passes
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_open = false;
  bool high_open = false;

  bool empty_range() const { return low > high || (low == high && (low_open || high_open)); }
};

bool is_exact(const Predicate& p) {
  const bool literal = p.pattern.size() == 1 && p.pattern[0].kind == PatternPart::Kind::Text;
  return (p.op == MatchOp::Pattern && literal) || p.op == MatchOp::Number || p.op == MatchOp::Bool;
}

std::string exact_text(const Predicate& p) {
  if (p.op == MatchOp::Number) return fmt::format("{}", p.number);
  if (p.op == MatchOp::Bool) return p.flag ? "true" : "false";
  return lower(p.pattern[0].text);
}

// One part of an alternative, in words, and the pattern that it is, if it is one.
struct Demand {
  std::string text = {};
  const Predicate* pattern = nullptr;
};

// What must hold for `tree` to hold.
std::vector<Demand> demands_of(const MatchTree& tree) {
  std::vector<const MatchTree*> parts;
  conjuncts(tree, parts);
  std::vector<Demand> demands;
  for (const MatchTree* part : parts) {
    const bool pattern = part->kind == Kind::Leaf && part->leaf.op == MatchOp::Pattern;
    demands.push_back({dump(*part), pattern ? &part->leaf : nullptr});
  }
  return demands;
}

// True when every text that `special` matches is one that `general` matches, as far as that is
// plain: `general` is one text that is contained, or stands at the beginning or at the end.
bool covers(const Predicate& general, const Predicate& special) {
  using Part = PatternPart::Kind;
  if (general.field != special.field || (general.cased && !special.cased)) return false;
  const auto& parts = general.pattern;
  if (parts.size() < 2 || special.pattern.empty()) return false;
  const bool before = parts.front().kind == Part::Many;
  const bool after = parts.back().kind == Part::Many;
  const PatternPart& middle = parts[before ? 1 : 0];
  const size_t wanted = before && after ? 3 : 2;
  if (!(before || after) || parts.size() != wanted || middle.kind != Part::Text) return false;
  const auto spelled = [&](const PatternPart& part) {
    return general.cased ? part.text : lower(part.text);
  };
  const std::string want = spelled(middle);
  if (!before) return spelled(special.pattern.front()).starts_with(want);
  if (!after) return spelled(special.pattern.back()).ends_with(want);
  return std::ranges::any_of(special.pattern, [&](const PatternPart& part) {
    return spelled(part).find(want) != std::string::npos;
  });
}

// True when `a` cannot hold without `b`.
bool implies(const std::vector<Demand>& a, const std::vector<Demand>& b) {
  return !b.empty() && std::ranges::all_of(b, [&](const Demand& wanted) {
    return std::ranges::any_of(a, [&](const Demand& given) {
      return given.text == wanted.text ||
             (given.pattern && wanted.pattern && covers(*wanted.pattern, *given.pattern));
    });
  });
}

// The numbers that a part of a time takes. Of years there are no first and last.
struct PartRange {
  DatePart part;
  double low;
  double high;
};

constexpr PartRange kPartRanges[] = {
    {DatePart::Minute, 0, 59}, {DatePart::Hour, 0, 23},  {DatePart::Day, 1, 31},
    {DatePart::Week, 1, 53},   {DatePart::Month, 1, 12},
};

// True when no number of `range` passes the test of `p`.
bool outside(const Predicate& p, const PartRange& range) {
  switch (p.op) {
    case MatchOp::Number:
      return p.number < range.low || p.number > range.high || p.number != std::floor(p.number);
    case MatchOp::Less:
      return p.number <= range.low;
    case MatchOp::LessEqual:
      return p.number < range.low;
    case MatchOp::Greater:
      return p.number >= range.high;
    case MatchOp::GreaterEqual:
      return p.number > range.high;
    default:
      return false;
  }
}

class ConditionLint {
 public:
  std::vector<ConditionFinding> take(const MatchTree& tree) {
    visit(tree, "");
    return std::move(findings_);
  }

 private:
  void visit(const MatchTree& tree, const std::string& inherited) {
    const std::string selection = tree.label.empty() ? inherited : tree.label;
    if (tree.kind == Kind::And) conjunction(tree, selection);
    if (tree.kind == Kind::Or) alternatives(tree, selection);
    if (tree.kind == Kind::Leaf) date_part(tree.leaf, selection);
    for (const MatchTree& child : tree.children) {
      // Of a conjunction everything below was looked at together.
      const bool done = tree.kind == Kind::And && child.kind == Kind::And;
      if (done) {
        visit_children(child, selection);
      } else {
        visit(child, selection);
      }
    }
  }

  void visit_children(const MatchTree& tree, const std::string& inherited) {
    const std::string selection = tree.label.empty() ? inherited : tree.label;
    for (const MatchTree& child : tree.children) {
      if (child.kind == Kind::And) {
        visit_children(child, selection);
      } else {
        visit(child, selection);
      }
    }
  }

  void report(const std::string& selection, std::string message) {
    findings_.push_back({selection, std::move(message)});
  }

  void date_part(const Predicate& p, const std::string& selection) {
    for (const PartRange& range : kPartRanges) {
      if (range.part != p.date_part || !outside(p, range)) continue;
      report(selection, fmt::format("'{}' can never hold: that part of a time is {} to {}",
                                    written_form(p), range.low, range.high));
    }
  }

  void conjunction(const MatchTree& tree, const std::string& selection) {
    std::vector<const MatchTree*> parts;
    conjuncts(tree, parts);
    std::map<std::string, FieldFacts> facts;
    for (const MatchTree* part : parts) {
      if (part->kind != Kind::Leaf || part->leaf.field.empty()) continue;
      if (part->leaf.date_part != DatePart::None) continue;
      if (!add_fact(facts[part->leaf.field], part->leaf, selection)) return;
    }
    negations(tree, parts, selection);
  }

  // False when a contradiction was reported.
  bool add_fact(FieldFacts& facts, const Predicate& p, const std::string& selection) {
    if (p.op == MatchOp::Null || (p.op == MatchOp::Exists && !p.flag)) {
      facts.null = &p;
    } else if (p.op != MatchOp::Pattern || is_exact(p)) {
      // A pattern such as '*' may also be met by what counts as no value elsewhere.
      facts.some = &p;
    }
    if (facts.null && facts.some) {
      report(selection, fmt::format("the condition can never hold: it wants '{}' and '{}'",
                                    written_form(*facts.null), written_form(*facts.some)));
      return false;
    }
    if (is_exact(p)) {
      if (facts.exact && exact_text(*facts.exact) != exact_text(p)) {
        report(selection,
               fmt::format("the condition can never hold, unless '{}' is a list: it wants '{}' "
                           "and '{}'",
                           p.field, written_form(*facts.exact), written_form(p)));
        return false;
      }
      facts.exact = &p;
    }
    narrow(facts, p);
    if (!facts.empty_range()) return true;
    report(selection, fmt::format("the condition can never hold, unless '{}' is a list: no number "
                                  "is in its range",
                                  p.field));
    return false;
  }

  static void narrow(FieldFacts& facts, const Predicate& p) {
    const auto from = [&](bool open) {
      if (p.number < facts.low) return;
      facts.low_open = open || (facts.low_open && p.number == facts.low);
      facts.low = p.number;
    };
    const auto to = [&](bool open) {
      if (p.number > facts.high) return;
      facts.high_open = open || (facts.high_open && p.number == facts.high);
      facts.high = p.number;
    };
    switch (p.op) {
      case MatchOp::Greater:
        return from(true);
      case MatchOp::GreaterEqual:
        return from(false);
      case MatchOp::Less:
        return to(true);
      case MatchOp::LessEqual:
        return to(false);
      case MatchOp::Number:
        from(false);
        return to(false);
      default:
        return;
    }
  }

  // A part, and a "not" of the very same. A selection is compared whole as well as by its parts.
  void negations(const MatchTree& tree, const std::vector<const MatchTree*>& parts,
                 const std::string& selection) {
    std::set<std::string> wanted;
    for (const MatchTree* part : parts) {
      if (part->kind != Kind::Not) wanted.insert(dump(*part));
    }
    for (const MatchTree& child : tree.children) {
      if (child.kind == Kind::And) wanted.insert(dump(child));
    }
    for (const MatchTree* part : parts) {
      if (part->kind != Kind::Not) continue;
      const MatchTree& inner = part->children.front();
      std::vector<const MatchTree*> refused = {&inner};
      if (inner.kind == Kind::Or) {
        for (const MatchTree& child : inner.children) refused.push_back(&child);
      }
      for (const MatchTree* one : refused) {
        if (!wanted.contains(dump(*one))) continue;
        report(selection, fmt::format("the condition can never hold: it wants {} and its negation",
                                      name_of(*one)));
        return;
      }
    }
  }

  void alternatives(const MatchTree& tree, const std::string& selection) {
    if (tree.children.size() > kAlternativesMax) return;
    std::vector<std::vector<Demand>> demands;
    for (const MatchTree& child : tree.children) demands.push_back(demands_of(child));
    for (size_t i = 0; i < demands.size(); ++i) {
      for (size_t j = 0; j < demands.size(); ++j) {
        if (i == j || !implies(demands[i], demands[j])) continue;
        const bool same = implies(demands[j], demands[i]);
        if (same && i < j) continue;  // the later one is the superfluous one
        const MatchTree& useless = tree.children[i];
        const MatchTree& other = tree.children[j];
        const std::string where = useless.label.empty() ? selection : useless.label;
        report(where, same ? fmt::format("{} says the same as {}", name_of(useless), name_of(other))
                           : fmt::format("{} is never needed: whatever it matches, {} matches, too",
                                         name_of(useless), name_of(other)));
        break;
      }
    }
  }

  std::vector<ConditionFinding> findings_;
};

}  // namespace

std::vector<ConditionFinding> lint_condition(const MatchTree& tree) {
  return ConditionLint().take(tree);
}

}  // namespace picket
