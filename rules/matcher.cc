#include "rules/matcher.h"
#include "rules/predicate_set.h"

#include <algorithm>

namespace picket {
namespace {

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

class ConditionCompiler {
 public:
  ConditionCompiler(PredicateSet& predicates, FieldTable& fields, const Location& where)
      : predicates_(predicates), fields_(fields), where_(where) {}

  Result<uint32_t> compile(const MatchTree& tree) {
    ConditionNode node;
    std::vector<uint32_t> children;
    if (tree.kind == MatchTree::Kind::Leaf) {
      PICKET_TRY(node.first, predicates_.add(tree.leaf, fields_, where_));
    } else {
      node.kind = tree.kind == MatchTree::Kind::And  ? ConditionNode::Kind::And
                  : tree.kind == MatchTree::Kind::Or ? ConditionNode::Kind::Or
                                                     : ConditionNode::Kind::Not;
      for (const MatchTree& child : tree.children) {
        PICKET_TRY(uint32_t index, compile(child));
        children.push_back(index);
      }
      node.first = static_cast<uint32_t>(out.children.size());
      node.count = static_cast<uint32_t>(children.size());
      out.children.insert(out.children.end(), children.begin(), children.end());
    }
    out.nodes.push_back(node);
    return static_cast<uint32_t>(out.nodes.size() - 1);
  }

  CompiledCondition out;

 private:
  PredicateSet& predicates_;
  FieldTable& fields_;
  const Location& where_;
};

}  // namespace

Result<CompiledCondition> compile_condition(const MatchTree& tree, PredicateSet& predicates,
                                            FieldTable& fields, const Location& where) {
  ConditionCompiler compiler(predicates, fields, where);
  PICKET_TRY(uint32_t root, compiler.compile(tree));
  compiler.out.root = root;
  return std::move(compiler.out);
}

uint32_t Matcher::add(const CompiledCondition& condition) {
  const auto node_base = static_cast<uint32_t>(nodes_.size());
  const auto child_base = static_cast<uint32_t>(children_.size());
  for (Node node : condition.nodes) {
    if (node.kind != Node::Kind::Leaf) node.first += child_base;
    nodes_.push_back(node);
  }
  for (uint32_t child : condition.children) children_.push_back(child + node_base);
  roots_.push_back(condition.root + node_base);
  return static_cast<uint32_t>(roots_.size() - 1);
}

// Makes one fact of those children of each Or that the index decides: it then is one look, however
// many values a rule lists.
void Matcher::merge_clauses(FactIndex& index) {
  for (Node& node : nodes_) {
    if (node.kind != Node::Kind::Or) continue;
    auto first = children_.begin() + node.first;
    auto last = first + node.count;
    auto decided = [&](uint32_t child) {
      const Node& at = nodes_[child];
      return at.kind == Node::Kind::Leaf && index.decides(at.first);
    };
    auto rest = std::stable_partition(first, last, decided);
    if (rest - first < 2) continue;
    std::vector<uint32_t> facts;
    for (auto child = first; child != rest; ++child) facts.push_back(nodes_[*child].first);
    // The first child becomes the clause; its node belongs to this condition alone.
    nodes_[*first].first = index.add_clause(std::move(facts));
    std::move(rest, last, first + 1);
    node.count = static_cast<uint32_t>(last - rest) + 1;
  }
}

// Sorts the children of And and Or by rising cost, so that a cheap test can spare a dear one.
uint32_t Matcher::order(uint32_t at, const PredicateSet& predicates, const FieldCost& costs,
                        const FactIndex& index) {
  const Node node = nodes_[at];
  if (node.kind == Node::Kind::Leaf) {
    if (index.decides(node.first)) return 0;
    const CompiledPredicate& predicate = predicates[node.first];
    uint32_t field = predicate.field == kKeywordField ? 50 : costs[predicate.field];
    return field * 10 + kind_cost(predicate.kind);
  }
  std::vector<std::pair<uint32_t, uint32_t>> priced;
  uint32_t total = 0;
  for (uint32_t i = 0; i < node.count; ++i) {
    uint32_t child = children_[node.first + i];
    uint32_t price = order(child, predicates, costs, index);
    priced.emplace_back(price, child);
    total += price;
  }
  std::stable_sort(priced.begin(), priced.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (uint32_t i = 0; i < node.count; ++i) children_[node.first + i] = priced[i].second;
  return total;
}

void freeze_matchers(const std::vector<Matcher*>& matchers, const PredicateSet& predicates,
                     const FieldCost& costs, FactIndex& index) {
  std::vector<uint32_t> used;
  std::vector<uint32_t> witnesses;
  for (Matcher* matcher : matchers) {
    for (const ConditionNode& node : matcher->nodes_) {
      if (node.kind == ConditionNode::Kind::Leaf) used.push_back(node.first);
    }
    matcher->prefilter_.choose({matcher->nodes_, matcher->children_, matcher->roots_}, predicates,
                               costs, witnesses);
  }
  for (auto* list : {&used, &witnesses}) {
    std::sort(list->begin(), list->end());
    list->erase(std::unique(list->begin(), list->end()), list->end());
  }
  index.build(predicates, used, witnesses, costs);
  for (Matcher* matcher : matchers) {
    matcher->prefilter_.build(index);
    matcher->merge_clauses(index);
    for (uint32_t root : matcher->roots_) matcher->order(root, predicates, costs, index);
  }
  index.freeze();
}

bool Matcher::run(uint32_t at, const Subject& subject) const {
  const Node& node = nodes_[at];
  if (node.kind == Node::Kind::Leaf) {
    return test_once(subject.index, subject.predicates, node.first, subject.event, subject.memo);
  }
  const uint32_t* child = children_.data() + node.first;
  const uint32_t* end = child + node.count;
  auto passes = [&](uint32_t next) { return run(next, subject); };
  switch (node.kind) {
    case Node::Kind::And:
      return std::all_of(child, end, passes);
    case Node::Kind::Or:
      return std::any_of(child, end, passes);
    default:
      return !run(*child, subject);
  }
}

void Matcher::find_candidates(const Subject& subject) const {
  subject.index.find_present(subject.predicates, subject.event, subject.memo);
  subject.memo.candidates.begin(roots_.size());
  prefilter_.find(subject.event, subject.memo);
}

bool Matcher::matches(uint32_t rule, const Subject& subject) const {
  subject.index.find_present(subject.predicates, subject.event, subject.memo);
  return run(roots_[rule], subject);
}

}  // namespace picket
