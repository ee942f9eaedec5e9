// Prefilter: from the facts of an event to the few rules that could match it.
//
// For each rule it picks a witness: a set of predicates of which at least one must hold for the
// rule to match at all, the rarest that its condition offers. When FactIndex reports one of them,
// the rule becomes a candidate, unless one of up to two further such sets is known not to hold:
// that is one look each, and spares running most of the rules. Predicates of fields that must be
// decoded first (dear ones: JSON inside a string) are never looked at for that alone; but a rule
// that also needs one of a set of exact values of a dear field waits for it behind its witness,
// found by one look-up for all such rules. A rule without a witness is always a candidate.
//
// The simpler method is to run every condition: its cost grows with the number of rules, this one's
// with the number of rules that an event touches. Example: 60 rules that need `status >= 400` and
// one exact `error.type` each cost a successful request one comparison, and a refused one a
// comparison and a look-up.
//
// Phases: choose() before the FactIndex is built, build() after. Thread rule: const after build();
// the Candidates belong to the caller. Tested by matcher_test.cc (every rule set gives the same
// matches with and without it).
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/event.h"
#include "rules/field_table.h"
#include "rules/match_memo.h"

namespace picket {

struct CompiledPredicate;
class FactIndex;
class PredicateSet;

// A condition compiled flat: children are a range of an index array.
struct ConditionNode {
  enum class Kind : uint8_t { And, Or, Not, Leaf };
  Kind kind = Kind::Leaf;
  uint32_t first = 0;  // Leaf: the fact
  uint32_t count = 0;
};

// What prefilter and matcher share of the compiled conditions.
struct ConditionView {
  const std::vector<ConditionNode>& nodes;
  const std::vector<uint32_t>& children;
  const std::vector<uint32_t>& roots;
};

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const;
};

class Prefilter {
 public:
  // Picks the witnesses. Appends the predicates they consist of to `witnesses`.
  void choose(const ConditionView& conditions, const PredicateSet& predicates,
              const FieldCost& costs, std::vector<uint32_t>& witnesses);
  // REQUIRES: `index` was built with these witnesses and is not frozen.
  void build(FactIndex& index);
  // Adds to memo.candidates every rule that could match. REQUIRES: memo.candidates has begun, and
  // the index has found the facts.
  void find(Event& event, MatchMemo& memo) const;

 private:
  // Rules by the exact value of one dear field they need.
  struct DearIndex {
    FieldId field = 0;
    bool cased = false;
    bool numbers = false;  // some keys are numbers: other spellings of a number must be tried
    size_t longest = 0;
    boost::unordered_flat_map<std::string, std::vector<uint32_t>, TextHash, std::equal_to<>> rules;

    // Whether `text` is a key of the index `self`; for Event::may_hold.
    static bool holds_key(const void* self, std::string_view text);
    void look_up(Event& event, Candidates& out) const;
    void look_up_value(const Value& value, Candidates& out) const;
  };
  // What a fact leads to: rules, and rules that also need a value of a dear field.
  struct Bucket {
    std::vector<uint32_t> rules;
    std::vector<uint32_t> dear;  // indexes in dear_
  };
  // A conjunct that is a set of exact values of one field.
  struct ExactSet {
    FieldId field = 0;
    bool cased = false;
    std::vector<std::pair<std::string, bool>> keys;  // text, is a number
  };
  struct Witness {
    double chance = 1;  // a guess at the share of events that have it
    std::vector<uint32_t> predicates;
  };
  struct Choice {
    std::optional<Witness> witness;
    std::vector<Witness> others;  // what the rule needs as well, the rarest first
    std::optional<ExactSet> dear;
  };
  class Chooser;

  void add_dear(std::vector<uint32_t>& indexes, const ExactSet& set, uint32_t rule);
  void add_also(FactIndex& index, const std::vector<Witness>& others);
  Bucket& bucket(uint32_t fact);
  static bool exact_key(const CompiledPredicate& predicate, ExactSet& out);

  std::vector<Choice> choices_;   // by rule; until build()
  std::vector<int32_t> by_fact_;  // index in buckets_, or -1
  std::vector<Bucket> buckets_;
  // By rule: facts that it also needs, or kNoFact.
  static constexpr uint32_t kNoFact = UINT32_MAX;
  std::vector<std::array<uint32_t, 2>> also_;
  std::vector<uint32_t> always_;
  std::vector<uint32_t> open_dear_;  // dear indexes that nothing cheap stands before
  std::vector<DearIndex> dear_;
};

}  // namespace picket
