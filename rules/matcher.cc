#include "rules/matcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <numeric>

namespace picket {
namespace {

// A text that two predicates share exactly when they mean the same.
std::string identity(const Predicate& p) {
  std::string key =
      fmt::format("{}|{}|{}{}{}{}{}|{}|{}|{:a}|{}", p.field, static_cast<int>(p.op), p.cased,
                  p.flag, p.regex_ignore_case, p.regex_multi_line, p.regex_dot_all,
                  static_cast<int>(p.date_part), static_cast<int>(p.affix), p.number, p.text);
  for (const PatternPart& part : p.pattern) {
    key += fmt::format("|{}:{}:{}", static_cast<int>(part.kind), part.text.size(), part.text);
  }
  return key;
}

// How dear a test is by itself, apart from its field.
uint32_t kind_cost(CompiledPredicate::Kind kind) {
  using Kind = CompiledPredicate::Kind;
  switch (kind) {
    case Kind::Contains:
      return 2;
    case Kind::Glob:
    case Kind::Cidr:
    case Kind::FieldRef:
      return 3;
    case Kind::Regex:
      return 6;
    default:
      return 1;
  }
}

}  // namespace

Result<uint32_t> PredicateSet::add(const Predicate& predicate, FieldTable& fields,
                                   const Location& where) {
  std::string key = identity(predicate);
  auto it = ids_.find(key);
  if (it != ids_.end()) return it->second;
  PICKET_TRY(CompiledPredicate compiled, compile_predicate(predicate, fields, where));
  auto index = static_cast<uint32_t>(predicates_.size());
  predicates_.push_back(std::move(compiled));
  ids_.emplace(std::move(key), index);
  return index;
}

void MatchMemo::begin(size_t predicates) {
  if (results.size() < predicates) results.resize(predicates);
  if (++event == (UINT32_MAX >> 1)) {
    std::fill(results.begin(), results.end(), 0);
    event = 1;
  }
}

bool test_once(const PredicateSet& predicates, uint32_t index, Event& event, MatchMemo& memo) {
  uint32_t& known = memo.results[index];
  if (known >> 1 == memo.event) return known & 1;
  bool result = holds(predicates[index], event);
  known = memo.event << 1 | static_cast<uint32_t>(result);
  return result;
}

Result<uint32_t> Matcher::compile(PredicateSet& predicates, const MatchTree& tree,
                                  FieldTable& fields, const Location& where) {
  Node node;
  std::vector<uint32_t> children;
  switch (tree.kind) {
    case MatchTree::Kind::Leaf: {
      PICKET_TRY(node.first, predicates.add(tree.leaf, fields, where));
      break;
    }
    case MatchTree::Kind::And:
      node.kind = Node::Kind::And;
      break;
    case MatchTree::Kind::Or:
      node.kind = Node::Kind::Or;
      break;
    case MatchTree::Kind::Not:
      node.kind = Node::Kind::Not;
      break;
  }
  for (const MatchTree& child : tree.children) {
    PICKET_TRY(uint32_t index, compile(predicates, child, fields, where));
    children.push_back(index);
  }
  if (tree.kind != MatchTree::Kind::Leaf) {
    node.first = static_cast<uint32_t>(children_.size());
    node.count = static_cast<uint32_t>(children.size());
    children_.insert(children_.end(), children.begin(), children.end());
  }
  nodes_.push_back(node);
  return static_cast<uint32_t>(nodes_.size() - 1);
}

Result<uint32_t> Matcher::add(PredicateSet& predicates, const MatchTree& condition,
                              FieldTable& fields, const Location& where) {
  PICKET_TRY(uint32_t root, compile(predicates, condition, fields, where));
  roots_.push_back(root);
  return static_cast<uint32_t>(roots_.size() - 1);
}

// Sorts the children of And and Or by rising cost, so that a cheap test can spare a dear one.
uint32_t Matcher::order(uint32_t index, const PredicateSet& predicates, const FieldCost& costs) {
  const Node node = nodes_[index];
  if (node.kind == Node::Kind::Leaf) {
    const CompiledPredicate& predicate = predicates[node.first];
    uint32_t field = predicate.field == kKeywordField ? 50 : costs[predicate.field];
    return field * 10 + kind_cost(predicate.kind);
  }
  std::vector<std::pair<uint32_t, uint32_t>> priced;
  uint32_t total = 0;
  for (uint32_t i = 0; i < node.count; ++i) {
    uint32_t child = children_[node.first + i];
    uint32_t price = order(child, predicates, costs);
    priced.emplace_back(price, child);
    total += price;
  }
  std::stable_sort(priced.begin(), priced.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (uint32_t i = 0; i < node.count; ++i) children_[node.first + i] = priced[i].second;
  return total;
}

void Matcher::freeze(const PredicateSet& predicates, const FieldCost& costs) {
  for (uint32_t root : roots_) order(root, predicates, costs);
  prefilter_.build({nodes_, children_, roots_}, predicates, costs);
}

bool Matcher::run(uint32_t index, const PredicateSet& predicates, Event& event,
                  MatchMemo& memo) const {
  const Node& node = nodes_[index];
  if (node.kind == Node::Kind::Leaf) return test_once(predicates, node.first, event, memo);
  const uint32_t* child = children_.data() + node.first;
  const uint32_t* end = child + node.count;
  auto passes = [&](uint32_t at) { return run(at, predicates, event, memo); };
  switch (node.kind) {
    case Node::Kind::And:
      return std::all_of(child, end, passes);
    case Node::Kind::Or:
      return std::any_of(child, end, passes);
    default:
      return !run(*child, predicates, event, memo);
  }
}

uint32_t Matcher::first(const PredicateSet& predicates, Event& event, MatchMemo& memo) const {
  memo.candidates.begin(roots_.size());
  prefilter_.find(predicates, event, memo);
  const auto& words = memo.candidates.words();
  for (size_t w = 0; w < words.size(); ++w) {
    for (uint64_t word = words[w]; word != 0; word &= word - 1) {
      auto rule = static_cast<uint32_t>(w * 64 + static_cast<size_t>(std::countr_zero(word)));
      if (run(roots_[rule], predicates, event, memo)) return rule;
    }
  }
  return kNone;
}

void Matcher::match(const PredicateSet& predicates, Event& event, MatchMemo& memo,
                    std::vector<uint32_t>& out) const {
  memo.candidates.begin(roots_.size());
  prefilter_.find(predicates, event, memo);
  const auto& words = memo.candidates.words();
  for (size_t w = 0; w < words.size(); ++w) {
    for (uint64_t word = words[w]; word != 0; word &= word - 1) {
      auto rule = static_cast<uint32_t>(w * 64 + static_cast<size_t>(std::countr_zero(word)));
      if (run(roots_[rule], predicates, event, memo)) out.push_back(rule);
    }
  }
}

}  // namespace picket
