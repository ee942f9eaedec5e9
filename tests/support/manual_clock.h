// ManualClock: a Clock that moves only when told to.
//
// Thread rule: set up and moved by one thread while no other reads it.
#pragma once

#include <chrono>

#include "daemon/clock.h"

namespace picket {

class ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp start = timestamp_ms(1'700'000'000'000)) : now_(start) {}

  Timestamp now() const override { return now_; }
  std::chrono::steady_clock::time_point steady() const override { return steady_; }

  // Both clocks go on.
  void advance(Duration by) {
    now_ += by;
    steady_ += by;
  }
  // The wall clock alone jumps.
  void set_wall(Timestamp now) { now_ = now; }

 private:
  Timestamp now_;
  std::chrono::steady_clock::time_point steady_{std::chrono::hours(1)};
};

}  // namespace picket
