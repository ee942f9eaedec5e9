// Sliding windows in constant memory: what "at least N within a timespan" needs, and no more.
//
// To know whether N events lie within a timespan only the newest N times matter, and for N distinct
// values only the newest N values with the time each was last seen. Keeping the whole window, as
// engines usually do, costs memory and time in proportion to the traffic of a noisy actor; this
// costs a fixed amount per group.
//
// Example: N = 3, timespan 60 s, times 0, 10, 65, 70. At 65 the newest three are 0, 10, 65: 65 s,
// no. At 70 they are 10, 65, 70: 60 s, yes (both ends count).
//
// Times may arrive out of order by less than the timespan; they are kept sorted.
//
// Thread rule: plain values. Tested by window_test.cc against keeping everything.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rules/types.h"

namespace picket {

// What a window has from some time on: how much, and the oldest of it.
struct WindowPart {
  size_t count = 0;
  Timestamp oldest{};
};

// The newest `keep` times, oldest first.
class TimeWindow {
 public:
  // Adds a time, then forgets what is older than the newest one by more than `span`, and what is
  // beyond `keep`. Returns the number of times kept.
  size_t add(Timestamp time, Duration span, size_t keep);
  size_t size() const { return times_.size() - first_; }
  size_t bytes() const { return times_.capacity() * sizeof(int64_t); }
  WindowPart since(Timestamp first) const;

  void encode(std::string& out) const;
  bool decode(std::string_view& in);

 private:
  std::vector<int64_t> times_;  // milliseconds, ascending from first_
  size_t first_ = 0;
};

// The newest `keep` distinct values (by 64-bit hash) with the time each was last seen.
//
// A hit costs the same with ten values as with ten thousand: entries stay where they are, chained
// in the order in which they were last seen, and from kLinearMax entries on an open-addressing
// table leads from a value to its entry. A sorted array, which this replaces, searched and moved
// half of it for each hit: 18 ns with ten values and 2,000 ns with 9,999, here 24 ns with either.
// Only a late time walks, back from the newest entry to its place. Small groups have neither table
// nor spare room.
//
// Invariants: the chain is ascending by time; values are distinct; table_ is empty or holds each
// entry of the chain once, at most three quarters full.
class DistinctWindow {
 public:
  size_t add(uint64_t value, Timestamp time, Duration span, size_t keep);
  size_t size() const { return size_; }
  size_t bytes() const;
  WindowPart since(Timestamp first) const;

  void encode(std::string& out) const;
  bool decode(std::string_view& in);

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr size_t kLinearMax = 16;
  struct Entry {
    uint64_t value;
    int64_t time;
    uint32_t older;
    uint32_t newer;  // of an entry that is not in use: the next such one
  };

  uint32_t find(uint64_t value) const;
  uint32_t take_entry();
  void link(uint32_t at);
  void unlink(uint32_t at);
  void drop_oldest();
  size_t home(uint64_t value) const { return (value * 0x9E3779B97F4A7C15) >> table_shift_; }
  void table_insert(uint32_t at);
  void table_erase(uint32_t at);
  void table_grow();

  std::vector<Entry> entries_;
  std::vector<uint32_t> table_;  // indexes into entries_ or kNone; a power of two
  uint32_t oldest_ = kNone;
  uint32_t newest_ = kNone;
  uint32_t unused_ = kNone;
  uint32_t size_ = 0;
  uint32_t table_shift_ = 64;
};

}  // namespace picket
