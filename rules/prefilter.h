// Prefilter: from an event to the few rules that could match it.
//
// For each rule it picks witnesses: tests that must pass for the rule to match at all. In order of
// preference: a set of exact values of a cheap field (found through one hash look-up per field,
// however many rules there are), any other test of a cheap field (a guard, tested once for all
// rules that share it), and behind either of them a set of exact values of a field that must be
// decoded first. A rule without a witness is always a candidate.
//
// The simpler method is to run every condition: its cost grows with the number of rules, this one's
// with the number of rules that an event touches. Example: 60 rules that need `status >= 400` and
// one exact `error.type` each cost a successful request one comparison, and a refused one a
// comparison and a look-up.
//
// Thread rule: const after build(); the Candidates belong to the caller. Tested by matcher_test.cc
// (every rule set gives the same matches with and without it).
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rules/event.h"
#include "rules/types.h"

namespace picket {

class PredicateSet;
struct MatchMemo;

// A condition compiled flat: children are a range of an index array.
struct ConditionNode {
  enum class Kind : uint8_t { And, Or, Not, Leaf };
  Kind kind = Kind::Leaf;
  uint32_t first = 0;  // Leaf: the predicate
  uint32_t count = 0;
};

// What prefilter and matcher share of the compiled conditions.
struct ConditionView {
  const std::vector<ConditionNode>& nodes;
  const std::vector<uint32_t>& children;
  const std::vector<uint32_t>& roots;
};

// A set of rule indexes, walked in rising order.
class Candidates {
 public:
  void begin(size_t rules) { words_.assign((rules + 63) / 64, 0); }
  void add(uint32_t rule) { words_[rule / 64] |= uint64_t{1} << (rule % 64); }
  const std::vector<uint64_t>& words() const { return words_; }

 private:
  std::vector<uint64_t> words_;
};

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const;
};

class Prefilter {
 public:
  void build(const ConditionView& conditions, const PredicateSet& predicates,
             const std::vector<uint8_t>& costs);
  // Adds to memo.candidates every rule that could match. REQUIRES: memo.candidates has begun.
  void find(const PredicateSet& predicates, Event& event, MatchMemo& memo) const;

 private:
  // The rules that need one value of a field, and those that also need a value of a dear field: the
  // latter stand in an index of their own, by its number in dear_.
  struct Bucket {
    std::vector<uint32_t> rules;
    std::vector<uint32_t> dear;
  };
  // Rules by the exact value of one field they need.
  struct ExactIndex {
    FieldId field = 0;
    bool cased = false;
    bool numbers = false;  // some keys are numbers: other spellings of a number must be tried
    size_t longest = 0;
    boost::unordered_flat_map<std::string, Bucket, TextHash, std::equal_to<>> buckets;

    // Whether `text` is a key of the index `self`; for Event::may_hold.
    static bool holds_key(const void* self, std::string_view text);
    // Calls found(bucket) for each key that equals the event's value.
    template <class Found>
    void look_up(Event& event, const Found& found) const;
    template <class Found>
    void look_up_value(const Value& value, const Found& found) const;
  };
  struct Group {
    std::vector<ExactIndex> indexes;
    std::vector<uint32_t> always;
  };
  struct Guard {
    uint32_t predicate = 0;
    Group group;
  };
  // One conjunct of a rule that is a set of exact values of one field.
  struct ExactSet {
    FieldId field = 0;
    bool cased = false;
    std::vector<std::pair<std::string, bool>> keys;  // text, is a number
  };

  static bool exact_set(const ConditionView& conditions, const PredicateSet& predicates,
                        uint32_t node, ExactSet& out);
  static bool rarer(const ExactSet& a, const ExactSet& b);
  static void conjuncts(const ConditionView& conditions, uint32_t node, std::vector<uint32_t>& out);
  static ExactIndex& index_of(std::vector<ExactIndex>& indexes, const ExactSet& set);
  static void add_keys(ExactIndex& index, const ExactSet& set, uint32_t rule);
  void add_nested(const ExactSet& cheap, const ExactSet& dear, uint32_t rule);
  void find_in(const Group& group, Event& event, Candidates& out) const;
  Group& guarded(uint32_t predicate);

  Group open_;
  std::vector<Guard> guards_;
  std::vector<ExactIndex> dear_;
};

}  // namespace picket
