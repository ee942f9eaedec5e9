// Orders: what a running daemon is asked to do, from whatever thread, for its main thread.
//
// Invariants
//  1. An order is remembered once, however often it is given before it is taken. A reload that is
//     asked for while one runs comes after it, because that one may have read the files already.
//  2. Stopping comes before everything else.
//  3. Whoever asks for a reload with an answer gets one: of a reload that began after the question.
// Thread rule: all calls from any thread, wait() and reloaded() from one. Answers are called
// without a lock, on the thread that calls wait() and reloaded().
// Tested by tests/daemon/orders_test.cc.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "daemon/mutex.h"

namespace picket {

enum class Order { Stop, Reload, LookAtInputs };

struct ReloadOutcome {
  bool successful = false;
  std::string text = {};  // for people: why not, or what works now
};

class Orders {
 public:
  using Answer = std::function<void(const ReloadOutcome&)>;

  void stop();
  void reload(Answer answer = {});
  // An input has ended: perhaps all have.
  void look_at_inputs();

  // Waits for an order and takes it. Stop stays: it is given again and again.
  Order wait();
  // The reload that wait() gave last is done.
  void reloaded(const ReloadOutcome& outcome);

 private:
  using Answers = std::vector<Answer>;

  Mutex mutex_;
  CondVar given_;
  bool stop_ PICKET_THREAD(guarded_by(mutex_)) = false;
  bool reload_ PICKET_THREAD(guarded_by(mutex_)) = false;
  bool look_at_inputs_ PICKET_THREAD(guarded_by(mutex_)) = false;
  Answers waiting_ PICKET_THREAD(guarded_by(mutex_));
  Answers taken_;  // of the thread that waits
};

}  // namespace picket
