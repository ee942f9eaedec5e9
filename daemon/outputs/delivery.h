// Delivery: the bounded queue and the thread of one output.
//
// The engine pushes and goes on; the thread hands batches to the output and calls its tick(). A
// slow or dead receiver fills its own queue only; then the oldest events give way to newer ones,
// counted.
//
// Invariants: the output is touched by the delivery's thread alone; events reach it in push order;
// every event pushed ends in exactly one of sent, errors and dropped. A failed
// tick is one error too. Thread rule: push() and stats() from any thread; start() and stop() from
// the owner, once each. Errors: those of the output are counted and kept as last_error; nothing is
// thrown. Tested by tests/daemon/outputs/delivery_test.cc.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "daemon/clock.h"
#include "daemon/outputs/output.h"
#include "rules/alert.h"

namespace picket {

// An alert event on its way.
struct Outgoing {
  AlertEvent event = {};
  uint64_t number = 0;  // in the outbox, rising; 0: it is not in there
  bool again = false;   // it may have been delivered before the process started
};

struct DeliveryOptions {
  size_t queue_max = 10'000;
  size_t batch_max = 256;
  std::chrono::milliseconds tick_interval{1'000};
};

class Delivery {
 public:
  // REQUIRES: `clock` lives as long as the process, because an output that hangs past the deadline
  // of stop() is left to its thread.
  Delivery(std::string name, std::unique_ptr<Output> output, const Clock& clock,
           DeliveryOptions options = {});
  ~Delivery();
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;

  // Before start(): counts on from what the delivery before this one, of the same name, counted.
  void count_on(const OutputStats& before);
  void start();
  // Never blocks on the output.
  void push(std::vector<Outgoing> events);
  OutputStats stats() const;
  // The output has all events up to this number, or has given them up.
  uint64_t acked() const;

  // Delivers what is queued until `deadline` and calls the output's finish(); what is left counts
  // as dropped. False when the output did not return in time; its thread is then abandoned.
  bool stop(std::chrono::steady_clock::time_point deadline);

 private:
  struct State;
  static void run(State& state);

  std::shared_ptr<State> state_;  // shared with the thread only, which may outlive this object
  std::thread thread_;
};

}  // namespace picket
