// FactIndex: from the values of an event to the facts that hold, without trying the others.
//
// For each field that an event has and that tells rules apart, all tests of it are decided at once:
//   - equal to a text or a whole number: one look-up, by a 64-bit hash of the folded value;
//   - starts or ends with a text: one look-up for each length of kAffixSizes that occurs;
//   - contains a text, matches a glob or a regular expression: one pass of TextScan over the value,
//     which looks for the texts, for the longest text of each glob, and for the atoms of the
//     expressions (RE2's FilteredRE2); globs and expressions so found are then tested in full.
// A test that is decided this way and was not found to hold does not hold. Others (comparisons,
// networks, `exists`) are made when somebody asks, or, if a rule can be told by it (a witness), as
// soon as their field is present.
//
// The simpler method is to make each test of each rule: 3,100 Sigma rules make 30,000 of them. This
// one costs a few look-ups per field that is there, however many rules there are.
//
// Facts: predicate p is fact p; a clause, an OR of predicates, is a fact of its own, which holds as
// soon as one of its predicates does. Facts are found from scratch memory only: no allocation per
// event in steady state.
//
// Phases: build(), add_clause() as often as needed, freeze(); then const and shared.
// Tested by matcher_test.cc (against the naive reading) and sigma_corpus_test.cc.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/bit_filter.h"
#include "rules/event.h"
#include "rules/field_table.h"
#include "rules/match_memo.h"
#include "rules/text_scan.h"

namespace re2 {
class FilteredRE2;
}

namespace picket {

struct CompiledPredicate;
class PredicateSet;

// The key under which a whole number is filed; nothing for other numbers.
bool integer_key(double number, std::string& key);
// True when a text is the one spelling of a whole number that integer_key() gives.
bool plain_integer(std::string_view text);

class FactIndex {
 public:
  FactIndex();
  ~FactIndex();
  FactIndex(FactIndex&&) noexcept;
  FactIndex& operator=(FactIndex&&) noexcept;

  // `used` are the predicates of the schema's rules, `witnesses` those by which rules are told; the
  // fields of witnesses that need a scan are scanned, and witnesses that nothing decides are tested
  // as soon as their field is present.
  void build(const PredicateSet& predicates, const std::vector<uint32_t>& used,
             const std::vector<uint32_t>& witnesses, const FieldCost& costs);
  // The fact that holds when one of `predicates` does. REQUIRES: decides() or tests() all of them.
  uint32_t add_clause(std::vector<uint32_t> predicates);
  void freeze();

  // True when a fact that find_*() did not report does not hold.
  bool decides(uint32_t fact) const { return fact >= decided_.size() || decided_[fact]; }
  bool tests(uint32_t predicate) const { return tested_[predicate]; }
  size_t facts() const { return decided_.size() + clauses_; }
  // The fields whose presence in the record find_present() must hear of (Event::present).
  std::vector<FieldId> fields() const;

  // Gets `memo` ready for the next event.
  void begin(MatchMemo& memo) const;
  // Reports the facts of all fields that the record has, and of keywords; once per event.
  void find_present(const PredicateSet& predicates, Event& event, MatchMemo& memo) const;
  // The same for one field that somebody set since.
  void find_field(const PredicateSet& predicates, Event& event, MatchMemo& memo,
                  FieldId field) const;

 private:
  struct Span {
    uint32_t first = 0;
    uint32_t count = 0;
  };
  struct Table {
    BitFilter filter;
    boost::unordered_flat_map<uint64_t, Span> spans;
  };
  // What a fragment that the scan found leads to.
  struct Lead {
    enum class Kind : uint8_t { Contains, Test, Atom };
    Kind kind = Kind::Contains;
    uint32_t id = 0;  // predicate, or index of the atom
  };
  struct FieldIndex {
    FieldId field = 0;
    Table exact;
    bool numbers = false;  // some keys are numbers: other spellings of a number must be tried
    size_t longest = 0;    // of the exact texts
    Table prefixes;
    Table suffixes;
    uint16_t prefix_sizes = 0;  // bit n: keys of kAffixSizes[n] bytes occur
    uint16_t suffix_sizes = 0;
    TextScan scan;
    std::vector<Span> leads;  // by fragment
    std::unique_ptr<re2::FilteredRE2> regexes;
    std::vector<uint32_t> regex_predicates;  // by index in `regexes`
    std::vector<uint32_t> tested;
    bool own = true;  // all that is tested is a function of this field's value
  };
  // How many bytes at its start or end a text is filed by: the most of these that it has.
  static constexpr std::array<uint8_t, 11> kAffixSizes = {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16};
  static constexpr size_t kAffixMax = 16;
  // The `size` bytes at `at`, folded, as a key. 16 bytes are readable there.
  static uint64_t affix_key(const char* at, size_t size);

  struct Look;    // one value being looked at
  class Builder;  // of one FieldIndex

  void on_fragment(Look& look, uint32_t fragment, size_t end) const;
  void look_at_field(const FieldIndex& index, Look& look) const;
  void look_at_value(const FieldIndex& index, Look& look, const Value& value) const;
  void look_up(const Table& table, uint64_t key, Look& look) const;
  void look_up_affixes(const FieldIndex& index, Look& look, std::string_view text) const;
  void look_up_exact(const FieldIndex& index, Look& look, const Value& value) const;
  void scan(const FieldIndex& index, Look& look) const;
  void look_at_line(Look& look) const;
  void report(uint32_t fact, MatchMemo& memo) const;

  std::vector<FieldIndex> fields_;
  std::vector<int32_t> by_field_;     // index in fields_, or -1
  std::unique_ptr<FieldIndex> line_;  // keywords: fragments of the line as written
  std::vector<uint32_t> items_;       // what the spans of exact, prefixes and suffixes point into
  std::vector<Lead> leads_;           // what those of leads point into
  std::vector<uint8_t> decided_;      // by predicate
  std::vector<uint8_t> tested_;
  size_t clauses_ = 0;
  std::map<std::vector<uint32_t>, uint32_t> clause_ids_;
  std::vector<Span> clauses_of_;  // by predicate
  std::vector<uint32_t> clause_items_;
};

// Whether `fact` holds, tested at most once per event. REQUIRES: find_present() was called.
bool test_once(const FactIndex& index, const PredicateSet& predicates, uint32_t fact, Event& event,
               MatchMemo& memo);

}  // namespace picket
