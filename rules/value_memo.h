// ValueMemo: what FactIndex found in values of fields that it has seen before.
//
// Logs repeat themselves: programs, users, hosts and most command lines come again and again, and
// all tests of one field are a function of its value alone. So the facts that a value gives are
// kept under the value as written, and found again by one hash and one comparison of the text,
// instead of unescaping, folding, looking up and scanning it once more.
//
// Method: a set-associative table. A value is kept when it is missed twice without another miss
// of the same set in between, so values that never come again (command lines with a session in
// them) drive nothing out; a new value takes the place of the oldest of its set.
//
// Bounds: kSets * kWays values of at most kTextMax bytes with at most kFactsMax facts, 512 bytes
// each, 2 MB in all; memory that no value was put into is never touched. Equality is of the whole
// text: nobody who chooses values can make one pass for another.
// Thread rule: one owner, a MatchMemo. Tested by value_memo_test.cc and, with FactIndex, by
// matcher_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace picket {

struct Value;
enum class ValueKind : uint8_t;

class ValueMemo {
 public:
  static constexpr size_t kTextMax = 336;
  static constexpr size_t kFactsMax = 42;

  // A value of a field (FieldId) as Event::written() gives it.
  struct Key {
    Key(uint16_t of, const Value& value);
    uint64_t hash = 0;
    std::string_view text;
    uint16_t field = 0;
    ValueKind kind;
  };
  static bool may_keep(size_t size) { return size <= kTextMax; }

  // The facts kept for `key`, valid until the next keep(); `known` tells whether there are any.
  struct Found {
    bool known = false;
    std::span<const uint32_t> facts;
  };
  Found find(const Key& key) const;
  // To be asked once for each value that find() does not know: whether to keep() it now.
  bool is_wanted(const Key& key);
  // Keeps those of `facts` that are below `end`, unless they are more than kFactsMax.
  // REQUIRES: may_keep().
  void keep(const Key& key, std::span<const uint32_t> facts, uint32_t end);
  void clear();

 private:
  static constexpr size_t kSets = 1024;
  static constexpr size_t kWays = 4;

  struct Set {
    std::array<uint64_t, kWays> hashes{};
    uint64_t missed = 0;  // the hash that was missed last
    uint32_t next = 0;    // the way that is given away next
    uint32_t used = 0;
  };
  struct Entry {
    uint16_t size;
    uint16_t facts_count;
    uint16_t field;
    ValueKind kind;
    std::array<uint32_t, kFactsMax> facts;
    std::array<char, kTextMax> text;
  };
  static_assert(sizeof(Entry) == 512);
  static size_t set_of(const Key& key) { return key.hash % kSets; }

  std::vector<Set> sets_;
  std::unique_ptr<Entry[]> entries_;  // kWays for each set; made with the first value
};

}  // namespace picket
