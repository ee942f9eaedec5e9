// Matcher: which rules of one schema match an event.
//
// Sits between rule_spec.h (trees of predicates) and the classifier and engine (who matched).
// Conditions compile once per rule set to flat programs over interned predicates. A FactIndex finds
// the predicates that hold from the values of the event, a Prefilter which programs to run at all.
//
// Phases: add() every rule in the order in which first() should try them, then freeze_matchers()
// with all matchers that share the FactIndex, then only first() and match().
//
// Thread rule: const after freezing, shared by all workers; each worker brings its own MatchMemo.
// Tested by matcher_test.cc.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "config/result.h"
#include "rules/event.h"
#include "rules/fact_index.h"
#include "rules/field_table.h"
#include "rules/match_memo.h"
#include "rules/match_tree.h"
#include "rules/prefilter.h"

namespace picket {

class PredicateSet;

// The program of one condition, over the predicates of a PredicateSet.
struct CompiledCondition {
  std::vector<ConditionNode> nodes;
  std::vector<uint32_t> children;
  uint32_t root = 0;
};

// Errors: those of compile_predicate.
Result<CompiledCondition> compile_condition(const MatchTree& tree, PredicateSet& predicates,
                                            FieldTable& fields, const Location& where);

class Matcher {
 public:
  // Adds a rule. Its index is the number of rules added before.
  uint32_t add(const CompiledCondition& condition);

  static constexpr uint32_t kNone = UINT32_MAX;

  // One event in the hands of one worker. REQUIRES: index.begin(memo) was called for it.
  struct Subject {
    const FactIndex& index;
    const PredicateSet& predicates;
    Event& event;
    MatchMemo& memo;
  };
  // Both run a rule through `run_rule(rule, run)`, which calls run() and gives back what that says;
  // so the caller can count and time.
  // The first rule that matches, or kNone.
  template <class RunRule>
  uint32_t first(const Subject& subject, const RunRule& run_rule) const {
    find_candidates(subject);
    uint32_t found = kNone;
    for_each_candidate(subject, [&](uint32_t rule) {
      if (!run_rule(rule, [&] { return run(roots_[rule], subject); })) return false;
      found = rule;
      return true;
    });
    return found;
  }
  uint32_t first(const Subject& subject) const { return first(subject, just_run); }
  // All rules that match, in order, appended to `out`.
  template <class RunRule>
  void match(const Subject& subject, std::vector<uint32_t>& out, const RunRule& run_rule) const {
    find_candidates(subject);
    for_each_candidate(subject, [&](uint32_t rule) {
      if (run_rule(rule, [&] { return run(roots_[rule], subject); })) out.push_back(rule);
      return false;
    });
  }
  void match(const Subject& subject, std::vector<uint32_t>& out) const {
    match(subject, out, just_run);
  }
  // Whether one rule matches, without the prefilter.
  bool matches(uint32_t rule, const Subject& subject) const;
  size_t rules() const { return roots_.size(); }

 private:
  friend void freeze_matchers(const std::vector<Matcher*>& matchers, const PredicateSet& predicates,
                              const FieldCost& costs, FactIndex& index);
  using Node = ConditionNode;

  static constexpr auto just_run = [](uint32_t, const auto& run) { return run(); };
  void find_candidates(const Subject& subject) const;
  template <class Visit>
  void for_each_candidate(const Subject& subject, const Visit& visit) const;
  void merge_clauses(FactIndex& index);
  uint32_t order(uint32_t node, const PredicateSet& predicates, const FieldCost& costs,
                 const FactIndex& index);
  bool run(uint32_t node, const Subject& subject) const;

  std::vector<Node> nodes_;
  std::vector<uint32_t> children_;
  std::vector<uint32_t> roots_;  // by rule
  Prefilter prefilter_;
};

// Ends the building of all matchers of one schema and of the index that they share.
// REQUIRES: `costs` covers all fields of their predicates.
void freeze_matchers(const std::vector<Matcher*>& matchers, const PredicateSet& predicates,
                     const FieldCost& costs, FactIndex& index);

template <class Visit>
void Matcher::for_each_candidate(const Subject& subject, const Visit& visit) const {
  const auto& words = subject.memo.candidates.words();
  for (size_t w = 0; w < words.size(); ++w) {
    for (uint64_t word = words[w]; word != 0; word &= word - 1) {
      auto bit = static_cast<size_t>(std::countr_zero(word));
      if (visit(static_cast<uint32_t>(w * 64 + bit))) return;
    }
  }
}

}  // namespace picket
