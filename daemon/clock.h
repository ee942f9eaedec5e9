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
