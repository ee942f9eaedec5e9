// PushCounters: what a push input counts on its receiving thread and shows on the input thread.
//
// Thread rule: all calls from any thread.
#pragma once

#include "daemon/inputs/input.h"
#include "daemon/mutex.h"

namespace picket {

class PushCounters {
 public:
  // An attempt; refused() follows when it came to nothing.
  void request() {
    MutexLock lock(mutex_);
    ++stats_.requests;
  }
  void refused(PushRefusal reason) {
    MutexLock lock(mutex_);
    ++stats_.refused[static_cast<size_t>(reason)];
  }
  // Only the fields counted here are set.
  PushStats stats() const {
    MutexLock lock(mutex_);
    return stats_;
  }

 private:
  mutable Mutex mutex_;
  PushStats stats_ PICKET_THREAD(guarded_by(mutex_));
};

}  // namespace picket
