// PostQueue: HTTP POSTs to one URL, on a thread of its own, in order, each tried once.
//
// One receiver, one queue: a receiver that hangs delays nobody else. A post is not retried here,
// because whoever fills the queue repeats its content anyway and newer content is better.
//
// Invariants: at most kQueueMax posts wait, the oldest give way; every post reports to its Round.
// Thread rule: all calls from one owner thread; the queue's own thread sends.
// Errors: outcomes are reported through Round and take_failure(); nothing is thrown.
// Tested by tests/daemon/outputs/alertmanager_test.cc.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "daemon/http/client.h"
#include "daemon/mutex.h"
#include "daemon/outputs/alert_book.h"

namespace picket {

// How one set of bodies fared with several receivers. Shared by their queues.
// Thread rule: all calls from any thread.
class Round {
 public:
  explicit Round(size_t receivers) : waiting_(receivers) {}
  // Called once per receiver.
  void report(bool arrived);
  // Waits until one receiver has everything, all have failed, or `deadline`. True: one has.
  bool wait_any(std::chrono::steady_clock::time_point deadline);

 private:
  Mutex mutex_;
  CondVar changed_;
  size_t waiting_ PICKET_THREAD(guarded_by(mutex_));
  bool arrived_ PICKET_THREAD(guarded_by(mutex_)) = false;
};

// What a failed post says about the next one.
enum class PostFailure : uint8_t {
  Refused,      // the receiver understood and said no (4xx): the same bytes will fail again
  Unavailable,  // nobody there, too slow, or it said "later" (5xx, 429)
};

struct PostOptions {
  std::string url = {};
  std::chrono::milliseconds timeout{10'000};
};

class PostQueue {
 public:
  static constexpr size_t kQueueMax = 40;

  explicit PostQueue(PostOptions options);
  ~PostQueue();
  PostQueue(const PostQueue&) = delete;
  PostQueue& operator=(const PostQueue&) = delete;

  // Adds `bodies`; `replace` first drops what still waits, because `bodies` tell all of it.
  void post(const std::shared_ptr<const std::vector<AlertBody>>& bodies,
            const std::shared_ptr<Round>& round, bool replace);
  // The newest failure since the last call, if any.
  std::optional<PostFailure> take_failure();
  // Text for people about the last post; empty when it arrived.
  std::string last_error() const;
  const std::string& url() const { return options_.url; }
  // Sends what waits until `deadline`, then gives up and ends the thread.
  void stop(std::chrono::steady_clock::time_point deadline);

 private:
  struct Job {
    std::shared_ptr<const std::vector<AlertBody>> bodies;
    std::shared_ptr<Round> round;
  };
  void run();
  bool send(const Job& job);
  void record(const std::string& error, std::optional<PostFailure> failure);

  const PostOptions options_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<Job> jobs_ PICKET_THREAD(guarded_by(mutex_));
  bool closing_ PICKET_THREAD(guarded_by(mutex_)) = false;
  bool idle_ PICKET_THREAD(guarded_by(mutex_)) = true;
  std::string last_error_ PICKET_THREAD(guarded_by(mutex_));
  std::optional<PostFailure> failure_ PICKET_THREAD(guarded_by(mutex_));
  std::atomic<bool> abort_ = false;  // looked at while a request runs
  HttpClient client_;                // used by the thread only
  std::thread thread_;
};

}  // namespace picket
