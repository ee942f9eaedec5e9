// Matcher: which rules of one schema match an event.
//
// Sits between rule_spec.h (trees of predicates) and the classifier and engine (who matched).
// Conditions compile to flat programs over interned predicates: a predicate that many rules share
// is tested once per event. A Prefilter decides which programs run at all.
//
// Phases: add() every rule in the order in which first() should try them, then freeze(), then only
// first() and match().
//
// Thread rule: const after freeze(), shared by all workers; each worker brings its own MatchMemo.
// Tested by matcher_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "config/result.h"
#include "rules/event.h"
#include "rules/field_table.h"
#include "rules/match_tree.h"
#include "rules/predicate.h"
#include "rules/prefilter.h"

namespace picket {

// Interned predicates of one schema and what is known of them for the event at hand.
class PredicateSet {
 public:
  // The index of `predicate`, compiled if new.
  Result<uint32_t> add(const Predicate& predicate, FieldTable& fields, const Location& where);
  const CompiledPredicate& operator[](uint32_t index) const { return predicates_[index]; }
  size_t size() const { return predicates_.size(); }

 private:
  std::vector<CompiledPredicate> predicates_;
  std::map<std::string, uint32_t> ids_;
};

// Results of predicates for one event, and the candidate set. One per worker and schema.
struct MatchMemo {
  std::vector<uint32_t> results;  // event number * 2 + result
  uint32_t event = 0;
  Candidates candidates;
  // Forgets everything: a new event begins.
  void begin(size_t predicates);
};

class Matcher {
 public:
  // How dear the fields of the schema are, by FieldId: 0 is a plain slot. Decides evaluation order.
  using FieldCost = std::vector<uint8_t>;

  // Adds a rule. Its index is the number of rules added before.
  Result<uint32_t> add(PredicateSet& predicates, const MatchTree& condition, FieldTable& fields,
                       const Location& where);
  // REQUIRES: all rules are added, `costs` covers all fields of their predicates.
  void freeze(const PredicateSet& predicates, const FieldCost& costs);

  static constexpr uint32_t kNone = UINT32_MAX;
  // The first rule that matches, or kNone.
  uint32_t first(const PredicateSet& predicates, Event& event, MatchMemo& memo) const;
  // All rules that match, in order, appended to `out`.
  void match(const PredicateSet& predicates, Event& event, MatchMemo& memo,
             std::vector<uint32_t>& out) const;
  // Whether one rule matches, without the prefilter.
  bool matches(uint32_t rule, const PredicateSet& predicates, Event& event, MatchMemo& memo) const {
    return run(roots_[rule], predicates, event, memo);
  }
  size_t rules() const { return roots_.size(); }

 private:
  using Node = ConditionNode;

  Result<uint32_t> compile(PredicateSet& predicates, const MatchTree& tree, FieldTable& fields,
                           const Location& where);
  uint32_t order(uint32_t node, const PredicateSet& predicates, const FieldCost& costs);
  bool run(uint32_t node, const PredicateSet& predicates, Event& event, MatchMemo& memo) const;

  std::vector<Node> nodes_;
  std::vector<uint32_t> children_;
  std::vector<uint32_t> roots_;  // by rule
  Prefilter prefilter_;
};

// The result of predicate `index` for the event, tested at most once per event.
bool test_once(const PredicateSet& predicates, uint32_t index, Event& event, MatchMemo& memo);

}  // namespace picket
