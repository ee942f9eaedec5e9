#include "rules/prefilter.h"

#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "rules/matcher.h"
#include "rules/text_match.h"

namespace picket {
namespace {

using Kind = CompiledPredicate::Kind;

// The one spelling under which an integral number is filed; nothing for other numbers.
std::optional<std::string> integer_key(double number) {
  if (number != std::floor(number) || std::abs(number) > 9e15) return std::nullopt;
  return std::to_string(static_cast<int64_t>(number));
}

bool plain_integer(std::string_view text) {
  if (text == "-0") return false;  // filed as "0"
  if (!text.empty() && text[0] == '-') text.remove_prefix(1);
  if (text.empty() || text.size() > 15 || (text[0] == '0' && text.size() > 1)) return false;
  for (char c : text) {
    if (c < '0' || c > '9') return false;
  }
  return true;
}

}  // namespace

size_t TextHash::operator()(std::string_view text) const {
  return XXH3_64bits(text.data(), text.size());
}

void Prefilter::conjuncts(const ConditionView& conditions, uint32_t node,
                          std::vector<uint32_t>& out) {
  const ConditionNode& at = conditions.nodes[node];
  bool single_or = at.kind == ConditionNode::Kind::Or && at.count == 1;
  if (at.kind != ConditionNode::Kind::And && !single_or) {
    out.push_back(node);
    return;
  }
  for (uint32_t i = 0; i < at.count; ++i) {
    conjuncts(conditions, conditions.children[at.first + i], out);
  }
}

bool Prefilter::exact_set(const ConditionView& conditions, const PredicateSet& predicates,
                          uint32_t node, ExactSet& out) {
  const ConditionNode& at = conditions.nodes[node];
  if (at.kind == ConditionNode::Kind::Or && at.count > 0) {
    for (uint32_t i = 0; i < at.count; ++i) {
      if (!exact_set(conditions, predicates, conditions.children[at.first + i], out)) return false;
    }
    return true;
  }
  if (at.kind != ConditionNode::Kind::Leaf) return false;
  const CompiledPredicate& predicate = predicates[at.first];
  if (predicate.field == kKeywordField) return false;
  bool number = predicate.kind == Kind::Number && predicate.date_part == DatePart::None;
  bool word = predicate.kind == Kind::Bool;
  if (predicate.kind != Kind::Exact && !number && !word) return false;
  bool first = out.keys.empty();
  bool cased = predicate.cased && !word;
  if (!first && (out.field != predicate.field || out.cased != cased)) return false;
  out.field = predicate.field;
  out.cased = cased;
  if (word) {
    out.keys.emplace_back(predicate.flag ? "true" : "false", false);
  } else if (number) {
    std::optional<std::string> key = integer_key(predicate.number);
    if (!key) return false;
    out.keys.emplace_back(*key, true);
  } else {
    out.keys.emplace_back(predicate.text, false);
  }
  return true;
}

Prefilter::ExactIndex& Prefilter::index_of(std::vector<ExactIndex>& indexes, const ExactSet& set) {
  for (ExactIndex& index : indexes) {
    if (index.field == set.field && index.cased == set.cased) return index;
  }
  ExactIndex& index = indexes.emplace_back();
  index.field = set.field;
  index.cased = set.cased;
  return index;
}

void Prefilter::add_keys(ExactIndex& index, const ExactSet& set, uint32_t rule) {
  for (const auto& [key, number] : set.keys) {
    index.buckets[key].rules.push_back(rule);
    index.numbers |= number;
    index.longest = std::max(index.longest, key.size());
  }
}

void Prefilter::add_nested(const ExactSet& cheap, const ExactSet& dear, uint32_t rule) {
  ExactIndex& index = index_of(open_.indexes, cheap);
  for (const auto& [key, number] : cheap.keys) {
    index.numbers |= number;
    index.longest = std::max(index.longest, key.size());
    Bucket& bucket = index.buckets[key];
    auto same = std::find_if(bucket.dear.begin(), bucket.dear.end(), [&](uint32_t at) {
      return dear_[at].field == dear.field && dear_[at].cased == dear.cased;
    });
    if (same == bucket.dear.end()) {
      bucket.dear.push_back(static_cast<uint32_t>(dear_.size()));
      same = bucket.dear.end() - 1;
      ExactIndex& made = dear_.emplace_back();
      made.field = dear.field;
      made.cased = dear.cased;
    }
    add_keys(dear_[*same], dear, rule);
  }
}

Prefilter::Group& Prefilter::guarded(uint32_t predicate) {
  for (Guard& guard : guards_) {
    if (guard.predicate == predicate) return guard.group;
  }
  guards_.push_back({predicate, {}});
  return guards_.back().group;
}

// A guess at which of two witnesses fewer events have: long values are rarer than short ones (a
// path than a status), then few than many.
bool Prefilter::rarer(const ExactSet& a, const ExactSet& b) {
  auto shortest = [](const ExactSet& set) {
    size_t size = SIZE_MAX;
    for (const auto& [key, number] : set.keys) size = std::min(size, key.size());
    return size;
  };
  const size_t size_a = shortest(a);
  const size_t size_b = shortest(b);
  return size_a != size_b ? size_a > size_b : a.keys.size() < b.keys.size();
}

void Prefilter::build(const ConditionView& conditions, const PredicateSet& predicates,
                      const std::vector<uint8_t>& costs) {
  auto cost = [&](FieldId field) { return field == kKeywordField ? 255 : costs[field]; };
  for (uint32_t rule = 0; rule < conditions.roots.size(); ++rule) {
    std::vector<uint32_t> needed;
    conjuncts(conditions, conditions.roots[rule], needed);
    std::optional<ExactSet> cheap_set;
    std::optional<ExactSet> dear_set;
    std::optional<uint32_t> guard;
    for (uint32_t node : needed) {
      ExactSet set;
      if (exact_set(conditions, predicates, node, set)) {
        std::optional<ExactSet>& best = cost(set.field) == 0 ? cheap_set : dear_set;
        if (!best || rarer(set, *best)) best = std::move(set);
        continue;
      }
      const ConditionNode& at = conditions.nodes[node];
      if (at.kind != ConditionNode::Kind::Leaf || guard) continue;
      if (cost(predicates[at.first].field) == 0) guard = at.first;
    }
    if (cheap_set && dear_set) {
      add_nested(*cheap_set, *dear_set, rule);
      continue;
    }
    if (cheap_set) {
      add_keys(index_of(open_.indexes, *cheap_set), *cheap_set, rule);
      continue;
    }
    Group& group = guard ? guarded(*guard) : open_;
    if (dear_set) {
      add_keys(index_of(group.indexes, *dear_set), *dear_set, rule);
    } else {
      group.always.push_back(rule);
    }
  }
}

template <class Found>
void Prefilter::ExactIndex::look_up_value(const Value& value, const Found& found) const {
  if (!value.is_scalar()) return;
  char buffer[256];
  std::string_view text = value.text();
  auto file = [&](std::string_view key) {
    auto it = buckets.find(key);
    if (it != buckets.end()) found(it->second);
  };
  bool number_like =
      numbers && (value.kind == ValueKind::Number || value.kind == ValueKind::String);
  if (number_like && !plain_integer(text)) {
    if (std::optional<double> number = number_of(value)) {
      if (std::optional<std::string> key = integer_key(*number)) file(*key);
    }
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

bool Prefilter::ExactIndex::holds_key(const void* self, std::string_view text) {
  const auto& index = *static_cast<const ExactIndex*>(self);
  char buffer[256];
  if (index.numbers) return true;  // one number has many spellings
  if (text.size() > index.longest) return false;
  if (index.cased) return index.buckets.contains(text);
  if (text.size() > sizeof(buffer)) return true;
  fold_into(text, buffer);
  return index.buckets.contains(std::string_view(buffer, text.size()));
}

template <class Found>
void Prefilter::ExactIndex::look_up(Event& event, const Found& found) const {
  const Value& value = event.get(field);
  if (value.kind != ValueKind::Array) {
    look_up_value(value, found);
    return;
  }
  struct Each {
    const ExactIndex& index;
    const Found& found;
  } each{*this, found};
  event.resolver().any_element(
      value,
      [](void* state, const Value& element) {
        auto& self = *static_cast<Each*>(state);
        self.index.look_up_value(element, self.found);
        return false;
      },
      &each);
}

void Prefilter::find_in(const Group& group, Event& event, Candidates& out) const {
  for (uint32_t rule : group.always) out.add(rule);
  auto add = [&out](const Bucket& bucket) {
    for (uint32_t rule : bucket.rules) out.add(rule);
  };
  for (const ExactIndex& index : group.indexes) {
    index.look_up(event, [&](const Bucket& bucket) {
      add(bucket);
      for (uint32_t at : bucket.dear) {
        const ExactIndex& dear = dear_[at];
        if (event.may_hold(dear.field, ExactIndex::holds_key, &dear)) dear.look_up(event, add);
      }
    });
  }
}

void Prefilter::find(const PredicateSet& predicates, Event& event, MatchMemo& memo) const {
  find_in(open_, event, memo.candidates);
  for (const Guard& guard : guards_) {
    if (test_once(predicates, guard.predicate, event, memo)) {
      find_in(guard.group, event, memo.candidates);
    }
  }
}

}  // namespace picket
