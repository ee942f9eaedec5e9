// LagAge: since when the oldest byte that an input has not read yet has been waiting.
//
// An input says how much it has read and how much it has still to read. Their sum is how far its
// sources were written. The oldest unread byte was written at the latest when that sum first passed
// what is read today. Remembering some of these sums with their times answers it to within `step`,
// without a time for every byte.
//
// Bounds: kSamples sums. Thread rule: a plain value. Tested by tests/daemon/self_watch_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>

#include "rules/types.h"

namespace picket {

class LagAge {
 public:
  static constexpr size_t kSamples = 64;

  explicit LagAge(Duration step) : step_(step) {}

  void sample(Timestamp now, uint64_t read, uint64_t lag) {
    if (lag == 0) return samples_.clear();
    const uint64_t end = read + lag;
    // What was truncated or removed will not be read any more.
    for (Sample& sample : samples_) sample.end = std::min(sample.end, end);
    while (!samples_.empty() && samples_.front().end <= read) samples_.pop_front();
    const bool grown = samples_.empty() || samples_.back().end < end;
    if (!grown || (samples_.size() > 1 && now - samples_.back().time < step_)) {
      samples_.back().end = std::max(samples_.back().end, end);
      return;
    }
    samples_.push_back({now, end});
    // The first one is the answer; of the others any may go.
    if (samples_.size() > kSamples) samples_.erase(samples_.begin() + 1);
  }

  // Nothing when all is read.
  std::optional<Timestamp> since() const {
    if (samples_.empty()) return std::nullopt;
    return samples_.front().time;
  }

 private:
  struct Sample {
    Timestamp time{};
    uint64_t end = 0;  // bytes written at that time
  };

  Duration step_;
  std::deque<Sample> samples_;  // oldest first; the end of each is beyond what is read
};

}  // namespace picket
