// SeenValues: a bounded number of values (by 64-bit hash) with the time each was last seen.
//
// For questions of the form "has this group shown that before?". DistinctWindow (rules/window.h)
// answers "how many"; this one also tells whether a value is new, and what it had to forget, so
// that nobody takes a forgotten value for a new one.
//
// The values are sorted by time. Those that come again mostly came recently, so a search from the
// newest end finds them soon; a new value costs one walk over at most kMax * 8 bytes.
//
// Thread rule: plain value. Tested by tests/rules/correlators/first_seen_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rules/bytes.h"
#include "rules/correlators/option_reader.h"

namespace picket {

class SeenValues {
 public:
  size_t size() const { return values_.size(); }
  size_t bytes() const {
    return values_.capacity() * sizeof(uint64_t) + times_.capacity() * sizeof(int64_t);
  }
  // The newest time at which a value was last seen that has been forgotten; kTimeLimitMs before the
  // epoch if none was.
  int64_t forgotten() const { return forgotten_; }

  struct Added {
    bool is_new = false;  // the value was not there
    uint32_t lost = 0;    // values that gave way to it
  };
  // Takes note of `value` at `time`, and keeps the newest `keep`.
  Added add(uint64_t value, int64_t time, size_t keep) {
    const auto known = std::find(values_.rbegin(), values_.rend(), value);
    const bool is_new = known == values_.rend();
    if (!is_new) {
      const auto at = values_.rend() - known - 1;
      if (time <= times_[static_cast<size_t>(at)]) return {};
      values_.erase(values_.begin() + at);
      times_.erase(times_.begin() + at);
    }
    const auto place = std::upper_bound(times_.begin(), times_.end(), time) - times_.begin();
    values_.insert(values_.begin() + place, value);
    times_.insert(times_.begin() + place, time);
    const size_t lost = values_.size() > keep ? values_.size() - keep : 0;
    drop(lost);
    return {is_new, static_cast<uint32_t>(lost)};
  }

  // Forgets what was last seen before `time`.
  void forget_before(int64_t time) {
    const auto first = std::lower_bound(times_.begin(), times_.end(), time);
    drop(static_cast<size_t>(first - times_.begin()));
  }

  void encode(std::string& out) const {
    put_bytes(out, forgotten_);
    put_bytes(out, static_cast<uint32_t>(values_.size()));
    for (size_t i = 0; i < values_.size(); ++i) {
      put_bytes(out, values_[i]);
      put_bytes(out, times_[i]);
    }
  }

  // False when the bytes hold more than `keep`, or are none of ours.
  bool decode(std::string_view& in, size_t keep) {
    uint32_t count = 0;
    if (!take_bytes(in, forgotten_) || !is_bounded_ms(forgotten_)) return false;
    if (!take_bytes(in, count) || count > keep) return false;
    values_.assign(count, 0);
    times_.assign(count, 0);
    for (size_t i = 0; i < count; ++i) {
      if (!take_bytes(in, values_[i]) || !take_bytes(in, times_[i])) return false;
      if (!is_bounded_ms(times_[i])) return false;
    }
    return std::is_sorted(times_.begin(), times_.end());
  }

 private:
  void drop(size_t count) {
    if (count == 0) return;
    forgotten_ = std::max(forgotten_, times_[count - 1]);
    values_.erase(values_.begin(), values_.begin() + static_cast<ptrdiff_t>(count));
    times_.erase(times_.begin(), times_.begin() + static_cast<ptrdiff_t>(count));
  }

  std::vector<uint64_t> values_;  // beside times_, so that a search reads nothing else
  std::vector<int64_t> times_;    // ascending
  int64_t forgotten_ = -kTimeLimitMs;
};

}  // namespace picket
