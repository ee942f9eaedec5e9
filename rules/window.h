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

// The newest `keep` times, oldest first.
class TimeWindow {
 public:
  // Adds a time, then forgets what is older than the newest one by more than `span`, and what is
  // beyond `keep`. Returns the number of times kept.
  size_t add(Timestamp time, Duration span, size_t keep);
  size_t size() const { return times_.size() - first_; }
  size_t bytes() const { return times_.capacity() * sizeof(int64_t); }

  void encode(std::string& out) const;
  bool decode(std::string_view& in);

 private:
  std::vector<int64_t> times_;  // milliseconds, ascending from first_
  size_t first_ = 0;
};

// The newest `keep` distinct values (by 64-bit hash) with the time each was last seen.
class DistinctWindow {
 public:
  size_t add(uint64_t value, Timestamp time, Duration span, size_t keep);
  size_t size() const { return entries_.size(); }
  size_t bytes() const { return entries_.capacity() * sizeof(Entry); }

  void encode(std::string& out) const;
  bool decode(std::string_view& in);

 private:
  struct Entry {
    uint64_t value;
    int64_t time;
  };
  std::vector<Entry> entries_;  // ascending by time
};

}  // namespace picket
