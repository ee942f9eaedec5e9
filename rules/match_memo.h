// MatchMemo: what is known of the event at hand: which facts hold, which rules might match.
//
// A fact is an interned predicate or a clause (an OR of predicates that several rules may share).
// Facts are numbered per schema: predicates first, then clauses (see fact_index.h).
//
// Thread rule: one per worker and schema; it serves one FactIndex for life, because it remembers
// what that found.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "rules/folded_text.h"
#include "rules/value_memo.h"

namespace picket {

// A set of rule indexes, walked in rising order.
class Candidates {
 public:
  void begin(size_t rules) { words_.assign((rules + 63) / 64, 0); }
  void add(uint32_t rule) { words_[rule / 64] |= uint64_t{1} << (rule % 64); }
  const std::vector<uint64_t>& words() const { return words_; }

 private:
  std::vector<uint64_t> words_;
};

struct MatchMemo {
  // By fact: event number * 2 + result.
  std::vector<uint32_t> results;
  uint32_t event = 0;
  std::vector<uint32_t> facts;  // those found to hold, in the order of finding
  Candidates candidates;
  // Used by FactIndex while it looks at the values of the event.
  std::vector<uint32_t> scanned;  // by field: the event for which it was
  bool present_scanned = false;
  uint32_t value = 0;            // counts the values looked at
  std::vector<uint32_t> queued;  // by predicate: the value for which it waits to be tested
  std::vector<uint32_t> queue;
  std::vector<int> atoms;
  std::vector<int> regexes;
  std::string unescaped;
  FoldedText folded;
  ValueMemo values;
  const void* prepared_for = nullptr;

  // Forgets everything: a new event begins.
  void begin() {
    facts.clear();
    present_scanned = false;
    if (++event == (UINT32_MAX >> 1)) {
      std::fill(results.begin(), results.end(), 0);
      std::fill(scanned.begin(), scanned.end(), 0);
      event = 1;
    }
  }
  bool is_true(uint32_t fact) const { return results[fact] == (event << 1 | 1); }
  bool is_known(uint32_t fact) const { return results[fact] >> 1 == event; }
  void set(uint32_t fact, bool holds) { results[fact] = event << 1 | uint32_t{holds}; }
};

}  // namespace picket
