#include "daemon/orders.h"

#include <utility>

namespace picket {
namespace {

void answer_all(const std::vector<Orders::Answer>& answers, const ReloadOutcome& outcome) {
  for (const Orders::Answer& answer : answers) answer(outcome);
}

}  // namespace

void Orders::stop() {
  MutexLock lock(mutex_);
  stop_ = true;
  given_.notify_all();
}

void Orders::reload(Answer answer) {
  MutexLock lock(mutex_);
  reload_ = true;
  if (answer) waiting_.push_back(std::move(answer));
  given_.notify_all();
}

void Orders::look_at_inputs() {
  MutexLock lock(mutex_);
  look_at_inputs_ = true;
  given_.notify_all();
}

Order Orders::wait() {
  Answers refused;
  {
    MutexLock lock(mutex_);
    while (!stop_ && !reload_ && !look_at_inputs_) given_.wait(mutex_);
    if (!stop_ && !reload_) {
      look_at_inputs_ = false;
      return Order::LookAtInputs;
    }
    reload_ = false;
    if (!stop_) {
      taken_ = std::exchange(waiting_, {});
      return Order::Reload;
    }
    refused.swap(waiting_);
  }
  answer_all(refused, {false, "picket is stopping"});
  return Order::Stop;
}

void Orders::reloaded(const ReloadOutcome& outcome) {
  answer_all(std::exchange(taken_, {}), outcome);
}

}  // namespace picket
