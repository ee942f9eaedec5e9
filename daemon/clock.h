// Clock: the only source of time outside event time.
//
// Seam: SystemClock is real; tests use ManualClock (tests/support/manual_clock.h).
// Thread rule: all calls from any thread.
#pragma once

#include <chrono>

#include "rules/types.h"

namespace picket {

class Clock {
 public:
  virtual ~Clock() = default;
  // Wall time; may jump.
  virtual Timestamp now() const = 0;
  // For timeouts and rates; never goes back.
  virtual std::chrono::steady_clock::time_point steady() const = 0;
};

// For measuring what code costs, never for deciding anything.
inline uint64_t steady_nanoseconds() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::nanoseconds(since).count());
}

class SystemClock final : public Clock {
 public:
  Timestamp now() const override {
    return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  }
  std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::now();
  }
};

}  // namespace picket
