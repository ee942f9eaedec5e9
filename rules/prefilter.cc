#include "rules/prefilter.h"

#include <xxhash.h>

#include <algorithm>
#include <cmath>

#include "rules/fact_index.h"
#include "rules/predicate_set.h"
#include "rules/text_match.h"

namespace picket {
namespace {

using Kind = CompiledPredicate::Kind;
using NodeKind = ConditionNode::Kind;

// A guess at the share of events that a text of `size` bytes in a certain place occurs in.
double text_chance(size_t size) {
  constexpr double kRarest = 0.0005;
  return std::max(kRarest, 0.6 * std::pow(0.6, static_cast<double>(size)));
}

// A guess at how many of the events that have the field pass. Only the order matters: texts are
// rarer than comparisons, long ones rarer than short ones; programs by the end of their path are
// common, and what needs a scan of the value must be worth it.
double chance_of_value(const CompiledPredicate& p) {
  constexpr double kScanFloor = 0.004;
  switch (p.kind) {
    case Kind::Exact:
      return std::max(0.002, text_chance(p.text.size()) / 2);
    case Kind::Number:
      return 0.05;
    case Kind::Prefix:
      return 0.05 + text_chance(p.text.size()) / 2;
    case Kind::Suffix:
      return 0.02 + text_chance(p.text.size()) / 2;
    case Kind::Contains:
      return kScanFloor + text_chance(p.text.size());
    case Kind::Glob: {
      size_t longest = 0;
      for (const PatternPart& part : p.parts) longest = std::max(longest, part.text.size());
      return kScanFloor + text_chance(longest);
    }
    case Kind::Regex:
      return 0.3;
    default:
      return 0.6;
  }
}

// Few events are refusals, and only they have a code, a cause and so on.
double chance(const CompiledPredicate& p) {
  constexpr double kRefusals = 0.001;
  const bool of_refusal = p.field >= BuiltinField::kCode && p.field <= BuiltinField::kScenario;
  return chance_of_value(p) * (of_refusal ? kRefusals : 1);
}

// True when a test cannot pass for a field that is not there.
bool needs_field(const CompiledPredicate& p) {
  switch (p.kind) {
    case Kind::Null:
    case Kind::Before:
      return false;
    case Kind::Exists:
      return p.flag;
    default:
      return true;
  }
}

}  // namespace

size_t TextHash::operator()(std::string_view text) const {
  return XXH3_64bits(text.data(), text.size());
}

// Reads the witnesses off the conditions.
class Prefilter::Chooser {
 public:
  Chooser(const ConditionView& conditions, const PredicateSet& predicates, const FieldCost& costs)
      : conditions_(conditions), predicates_(predicates), costs_(costs) {}

  // Predicates of which one must hold for `node` to hold; nothing when there are none.
  std::optional<Witness> witness(uint32_t node) const {
    const ConditionNode& at = conditions_.nodes[node];
    switch (at.kind) {
      case NodeKind::Leaf:
        return leaf(at.first);
      case NodeKind::Not:
        return std::nullopt;
      case NodeKind::And:
        return best_of(at);
      case NodeKind::Or:
        break;
    }
    Witness all{.chance = 0, .predicates = {}};
    for (uint32_t i = 0; i < at.count; ++i) {
      std::optional<Witness> one = witness(conditions_.children[at.first + i]);
      if (!one) return std::nullopt;
      all.chance += one->chance;
      all.predicates.insert(all.predicates.end(), one->predicates.begin(), one->predicates.end());
    }
    return all;
  }

  // The witnesses of all that `node` needs together.
  void conjuncts(uint32_t node, std::vector<Witness>& out) const {
    const ConditionNode& at = conditions_.nodes[node];
    if (at.kind != NodeKind::And) {
      if (std::optional<Witness> one = witness(node)) out.push_back(*std::move(one));
      return;
    }
    for (uint32_t i = 0; i < at.count; ++i) conjuncts(conditions_.children[at.first + i], out);
  }

  // The rarest set of exact values of one dear field that `node` needs.
  void dear(uint32_t node, std::optional<ExactSet>& best) const {
    const ConditionNode& at = conditions_.nodes[node];
    bool single_or = at.kind == NodeKind::Or && at.count == 1;
    if (at.kind == NodeKind::And || single_or) {
      for (uint32_t i = 0; i < at.count; ++i) dear(conditions_.children[at.first + i], best);
      return;
    }
    ExactSet set;
    if (!exact_set(node, set) || set.keys.empty() || cost(set.field) == 0) return;
    if (!best || rarer(set, *best)) best = std::move(set);
  }

 private:
  int cost(FieldId field) const { return field == kKeywordField ? 0 : costs_[field]; }

  std::optional<Witness> leaf(uint32_t predicate) const {
    const CompiledPredicate& p = predicates_[predicate];
    if (!needs_field(p) || cost(p.field) != 0) return std::nullopt;
    return Witness{chance(p), {predicate}};
  }

  std::optional<Witness> best_of(const ConditionNode& at) const {
    std::optional<Witness> best;
    for (uint32_t i = 0; i < at.count; ++i) {
      std::optional<Witness> one = witness(conditions_.children[at.first + i]);
      if (one && (!best || one->chance < best->chance)) best = std::move(one);
    }
    return best;
  }

  bool exact_set(uint32_t node, ExactSet& out) const {
    const ConditionNode& at = conditions_.nodes[node];
    if (at.kind == NodeKind::Or && at.count > 0) {
      for (uint32_t i = 0; i < at.count; ++i) {
        if (!exact_set(conditions_.children[at.first + i], out)) return false;
      }
      return true;
    }
    if (at.kind != NodeKind::Leaf) return false;
    return exact_key(predicates_[at.first], out);
  }

  // Long values are rarer than short ones, then few than many.
  static bool rarer(const ExactSet& a, const ExactSet& b) {
    auto shortest = [](const ExactSet& set) {
      size_t size = SIZE_MAX;
      for (const auto& [key, number] : set.keys) size = std::min(size, key.size());
      return size;
    };
    const size_t size_a = shortest(a);
    const size_t size_b = shortest(b);
    return size_a != size_b ? size_a > size_b : a.keys.size() < b.keys.size();
  }

  const ConditionView& conditions_;
  const PredicateSet& predicates_;
  const FieldCost& costs_;
};

// Adds the value that `p` compares with to `out`; false when it is no exact value of that field.
bool Prefilter::exact_key(const CompiledPredicate& p, ExactSet& out) {
  if (p.field == kKeywordField) return false;
  bool number = p.kind == Kind::Number && p.date_part == DatePart::None;
  bool word = p.kind == Kind::Bool;
  if (p.kind != Kind::Exact && !number && !word) return false;
  bool cased = p.cased && !word;
  if (!out.keys.empty() && (out.field != p.field || out.cased != cased)) return false;
  std::string key = word ? std::string(p.flag ? "true" : "false") : p.text;
  if (number && !integer_key(p.number, key)) return false;
  out.field = p.field;
  out.cased = cased;
  out.keys.emplace_back(std::move(key), number);
  return true;
}

void Prefilter::choose(const ConditionView& conditions, const PredicateSet& predicates,
                       const FieldCost& costs, std::vector<uint32_t>& witnesses) {
  Chooser chooser(conditions, predicates, costs);
  for (uint32_t root : conditions.roots) {
    Choice& choice = choices_.emplace_back();
    auto& others = choice.others;
    chooser.conjuncts(root, others);
    std::stable_sort(others.begin(), others.end(),
                     [](const Witness& a, const Witness& b) { return a.chance < b.chance; });
    if (!others.empty()) {
      choice.witness = std::move(others.front());
      others.erase(others.begin());
    }
    chooser.dear(root, choice.dear);
    if (!choice.witness) continue;
    const auto& found = choice.witness->predicates;
    witnesses.insert(witnesses.end(), found.begin(), found.end());
  }
}

Prefilter::Bucket& Prefilter::bucket(uint32_t fact) {
  if (by_fact_.size() <= fact) by_fact_.resize(fact + size_t{1}, -1);
  if (by_fact_[fact] < 0) {
    by_fact_[fact] = static_cast<int32_t>(buckets_.size());
    buckets_.emplace_back();
  }
  return buckets_[static_cast<size_t>(by_fact_[fact])];
}

void Prefilter::add_dear(std::vector<uint32_t>& indexes, const ExactSet& set, uint32_t rule) {
  auto same = std::find_if(indexes.begin(), indexes.end(), [&](uint32_t at) {
    return dear_[at].field == set.field && dear_[at].cased == set.cased;
  });
  if (same == indexes.end()) {
    indexes.push_back(static_cast<uint32_t>(dear_.size()));
    same = indexes.end() - 1;
    DearIndex& made = dear_.emplace_back();
    made.field = set.field;
    made.cased = set.cased;
  }
  DearIndex& index = dear_[*same];
  for (const auto& [key, number] : set.keys) {
    index.rules[key].push_back(rule);
    index.numbers |= number;
    index.longest = std::max(index.longest, key.size());
  }
}

// Only what the index decides from values that it has looked at by then can be known not to hold.
void Prefilter::add_also(FactIndex& index, const std::vector<Witness>& others) {
  auto& facts = also_.emplace_back();
  facts.fill(kNoFact);
  auto next = facts.begin();
  for (const Witness& other : others) {
    if (next == facts.end()) return;
    const auto& all = other.predicates;
    const bool decided = std::all_of(all.begin(), all.end(),
                                     [&](uint32_t predicate) { return index.decides(predicate); });
    if (decided && !all.empty()) *next++ = index.add_clause(all);
  }
}

void Prefilter::build(FactIndex& index) {
  for (uint32_t rule = 0; rule < choices_.size(); ++rule) {
    const Choice& choice = choices_[rule];
    add_also(index, choice.others);
    if (!choice.witness) {
      if (choice.dear) {
        add_dear(open_dear_, *choice.dear, rule);
      } else {
        always_.push_back(rule);
      }
      continue;
    }
    if (choice.witness->predicates.empty()) continue;  // an OR of nothing: it never matches
    if (!choice.dear) {
      bucket(index.add_clause(choice.witness->predicates)).rules.push_back(rule);
      continue;
    }
    // Behind each predicate on its own, so that rules which share one share the look at the dear
    // field too.
    for (uint32_t predicate : choice.witness->predicates) {
      add_dear(bucket(predicate).dear, *choice.dear, rule);
    }
  }
  choices_.clear();
}

void Prefilter::DearIndex::look_up_value(const Value& value, Candidates& out) const {
  if (!value.is_scalar()) return;
  char buffer[256];
  std::string_view text = value.text();
  auto file = [&](std::string_view key) {
    auto it = rules.find(key);
    if (it == rules.end()) return;
    for (uint32_t rule : it->second) out.add(rule);
  };
  bool number_like =
      numbers && (value.kind == ValueKind::Number || value.kind == ValueKind::String);
  if (number_like && !plain_integer(text)) {
    std::optional<double> number = number_of(value);
    std::string key;
    if (number && integer_key(*number, key)) file(key);
  }
  if (text.size() > longest) return;
  if (cased) {
    file(text);
  } else if (text.size() <= sizeof(buffer)) {
    fold_into(text, buffer);
    file({buffer, text.size()});
  } else {
    file(folded(text));
  }
}

bool Prefilter::DearIndex::holds_key(const void* self, std::string_view text) {
  const auto& index = *static_cast<const DearIndex*>(self);
  char buffer[256];
  if (index.numbers) return true;  // one number has many spellings
  if (text.size() > index.longest) return false;
  if (index.cased) return index.rules.contains(text);
  if (text.size() > sizeof(buffer)) return true;
  fold_into(text, buffer);
  return index.rules.contains(std::string_view(buffer, text.size()));
}

void Prefilter::DearIndex::look_up(Event& event, Candidates& out) const {
  if (!event.may_hold(field, holds_key, this)) return;
  const Value& value = event.get(field);
  if (value.kind != ValueKind::Array) {
    look_up_value(value, out);
    return;
  }
  struct Each {
    const DearIndex& index;
    Candidates& out;
  } each{*this, out};
  event.resolver().any_element(
      value,
      [](void* state, const Value& element) {
        auto& self = *static_cast<Each*>(state);
        self.index.look_up_value(element, self.out);
        return false;
      },
      &each);
}

void Prefilter::find(Event& event, MatchMemo& memo) const {
  Candidates& out = memo.candidates;
  for (uint32_t rule : always_) out.add(rule);
  for (uint32_t at : open_dear_) dear_[at].look_up(event, out);
  for (uint32_t fact : memo.facts) {
    if (fact >= by_fact_.size() || by_fact_[fact] < 0) continue;
    const Bucket& found = buckets_[static_cast<size_t>(by_fact_[fact])];
    for (uint32_t rule : found.rules) {
      const auto& also = also_[rule];
      const bool may_match = (also[0] == kNoFact || memo.is_true(also[0])) &&
                             (also[1] == kNoFact || memo.is_true(also[1]));
      if (may_match) out.add(rule);
    }
    for (uint32_t at : found.dear) dear_[at].look_up(event, out);
  }
}

}  // namespace picket
