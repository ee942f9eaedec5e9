// Orders: what a running daemon is asked to do, from whatever thread, for its main thread.
//
// Invariant: an order is remembered once, however often it is given before it is taken; to stop
// comes before everything else.
// Thread rule: all calls from any thread, wait() from one.
#pragma once

#include "daemon/mutex.h"

namespace picket {

enum class Order { Stop, LookAtInputs };

class Orders {
 public:
  void stop();
  // An input has ended: perhaps all have.
  void look_at_inputs();

  // Waits for an order and takes it. Stop stays: it is given again and again.
  Order wait();

 private:
  Mutex mutex_;
  CondVar given_;
  bool stop_ PICKET_THREAD(guarded_by(mutex_)) = false;
  bool look_at_inputs_ PICKET_THREAD(guarded_by(mutex_)) = false;
};

}  // namespace picket
