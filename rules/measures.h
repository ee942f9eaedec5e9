// Measures: what a sliding window's payloads amount to. See sliding_window.h for what they share.
//
// Thread rule: plain values. Tested by sliding_window_test.cc.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <optional>
#include <vector>

#include "rules/correlator.h"

namespace picket {

struct CountMeasure {
  struct Options {};
  static constexpr bool kDistinct = false;
  static uint64_t payload(const GroupHit& /*hit*/) { return 0; }
  void add(uint64_t /*payload*/) { ++count; }
  void remove(uint64_t /*payload*/) { --count; }
  std::optional<double> value(Options /*options*/) const { return static_cast<double>(count); }
  size_t bytes() const { return 0; }

  uint64_t count = 0;
};

struct DistinctMeasure {
  struct Options {};
  static constexpr bool kDistinct = true;
  static uint64_t payload(const GroupHit& hit) { return hit.value_hash; }
  void add(uint64_t payload) { ++counts[payload]; }
  void remove(uint64_t payload) {
    auto it = counts.find(payload);
    if (--it->second == 0) counts.erase(it);
  }
  std::optional<double> value(Options /*options*/) const {
    return static_cast<double>(counts.size());
  }
  size_t bytes() const { return counts.bucket_count() * 17; }

  boost::unordered_flat_map<uint64_t, uint32_t> counts;
};

// The sum of doubles without rounding, as a list of doubles that do not overlap; so taking a number
// out again leaves exactly the rest, and the order does not matter. Method: Shewchuk, "Adaptive
// precision floating-point arithmetic", 1997.
class ExactSum {
 public:
  void add(double number);
  double rounded() const;
  size_t bytes() const { return parts_.capacity() * sizeof(double); }

 private:
  std::vector<double> parts_;  // by rising magnitude
};

// The sum or the mean.
struct SumMeasure {
  struct Options {
    bool mean = false;
  };
  static constexpr bool kDistinct = false;
  static uint64_t payload(const GroupHit& hit);
  void add(uint64_t payload);
  void remove(uint64_t payload);
  std::optional<double> value(Options options) const;
  size_t bytes() const { return sum.bytes(); }

  ExactSum sum;
  uint64_t count = 0;
};

// The number at a place of the sorted ones.
struct RankMeasure {
  struct Options {
    std::optional<double> percentile;  // nothing: the median
  };
  static constexpr bool kDistinct = false;
  static uint64_t payload(const GroupHit& hit) { return SumMeasure::payload(hit); }
  void add(uint64_t payload);
  void remove(uint64_t payload);
  std::optional<double> value(Options options) const;
  size_t bytes() const { return sorted.capacity() * sizeof(double); }

  std::vector<double> sorted;
};

}  // namespace picket
