#include "daemon/orders.h"

namespace picket {

void Orders::stop() {
  MutexLock lock(mutex_);
  stop_ = true;
  given_.notify_all();
}

void Orders::look_at_inputs() {
  MutexLock lock(mutex_);
  look_at_inputs_ = true;
  given_.notify_all();
}

Order Orders::wait() {
  MutexLock lock(mutex_);
  while (!stop_ && !look_at_inputs_) given_.wait(mutex_);
  if (stop_) return Order::Stop;
  look_at_inputs_ = false;
  return Order::LookAtInputs;
}

}  // namespace picket
