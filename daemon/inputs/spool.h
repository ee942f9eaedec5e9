// Spool: many senders, one writer: what they submit is written and synced together, then each is
// told.
//
// Group commit: while one sync runs, further items gather; the next sync serves all of them. So a
// thousand senders cost a few syncs, and a single one waits for one.
//
// Invariants
//  1. Every item is answered exactly once: Durable after its bytes were synced, else why not.
//  2. At most pending_max bytes wait (an item is always taken when nothing waits); beyond that
//     items are refused as Busy at once. Nothing here grows with the number of senders.
//  3. Items are in the spool in the order in which submit() was called.
// Thread rule: all calls from any thread, except step(). Answers and news are called on the spool's
// own thread (in tests: by step()) and must not block.
// Tested by tests/daemon/inputs/spool_test.cc.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "daemon/clock.h"
#include "daemon/inputs/spool_writer.h"
#include "daemon/mutex.h"

namespace picket {

struct SpoolItem {
  RecordKind kind = RecordKind::Lines;
  uint64_t line_length = 0;  // OversizeLine only
  std::string bytes = {};    // not empty; whole lines, the last byte is '\n'
};

class Spool {
 public:
  static constexpr uint64_t kPendingMax = 32 << 20;
  static constexpr std::chrono::seconds kProbeEvery{5};

  using Answer = std::move_only_function<void(SpoolVerdict)>;

  Spool(std::unique_ptr<SpoolWriter> writer, const Clock& clock,
        uint64_t pending_max = kPendingMax);
  // Writes and answers what waits, then ends the thread.
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // Whom to call when end() has moved. Before start().
  void on_news(std::function<void()> news) { news_ = std::move(news); }
  // Starts the thread.
  void start();
  // Does what the thread does once, without waiting: writes all that waits. False: there was
  // nothing to do. REQUIRES: not started.
  bool step();
  // What the thread does every kProbeEvery while the disk fails, so that recovery shows without a
  // sender. REQUIRES: not started.
  void probe();

  // REQUIRES: bytes is as SpoolItem says.
  void submit(SpoolItem item, Answer answer);
  // Everything before `offset` was committed by the reader's side.
  void release(uint64_t offset);

  SpoolEnd end() const;
  // As of the last write.
  SpoolStats stats() const;

 private:
  struct Waiting {
    SpoolItem item;
    Answer answer;
  };
  struct Shared {
    std::deque<Waiting> waiting = {};
    uint64_t waiting_bytes = 0;
    uint64_t released = 0;
    SpoolEnd end = {};
    SpoolStats stats = {};
    bool closing = false;
  };

  enum class Work : uint8_t { Step, Probe, End };

  void run();
  Work wait_for_work();
  void write(std::deque<Waiting> group);
  void publish();

  std::unique_ptr<SpoolWriter> writer_;  // of the spool's thread
  const Clock& clock_;
  const uint64_t pending_max_;
  std::function<void()> news_;
  uint64_t released_ = 0;  // what the writer knows
  mutable Mutex mutex_;
  CondVar work_;
  Shared shared_ PICKET_THREAD(guarded_by(mutex_));
  std::thread thread_;
};

}  // namespace picket
