// OrderedResults: what decode workers finished, handed on in the order the batches were pushed.
//
// Workers finish in any order; the engine must see batches in sequence, or alerts would depend on
// scheduling. A worker that is far ahead waits, so a slow batch cannot make the board grow.
//
// Invariants: take() gives sequence numbers 0, 1, 2, ...; after close() it gives what is left.
// Thread rule: put() from any worker, take() and recycle() from one thread.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/mutex.h"
#include "rules/hit.h"

namespace picket {

class OrderedResults {
 public:
  explicit OrderedResults(uint64_t ahead_max) : ahead_max_(ahead_max) {}

  // Waits while the result is too far ahead of what was taken.
  void put(HitBatch result) {
    MutexLock lock(mutex_);
    uint64_t sequence = result.source.sequence;
    while (sequence >= next_ + ahead_max_) changed_.wait(mutex_);
    waiting_.emplace(sequence, std::move(result));
    changed_.notify_all();
  }

  // The next result, or nothing when it does not come in time or ever.
  std::optional<HitBatch> take(std::chrono::milliseconds timeout) {
    MutexLock lock(mutex_);
    auto deadline = std::chrono::steady_clock::now() + timeout;
    while (waiting_.empty() || waiting_.begin()->first != next_) {
      if (closed_ || !changed_.wait_until(mutex_, deadline)) break;
    }
    if (waiting_.empty() || waiting_.begin()->first != next_) return std::nullopt;
    std::optional<HitBatch> result = std::move(waiting_.begin()->second);
    waiting_.erase(waiting_.begin());
    ++next_;
    changed_.notify_all();
    return result;
  }

  // Workers may reuse the memory of results that were dealt with.
  void recycle(HitBatch result) {
    MutexLock lock(mutex_);
    if (spare_.size() < kSpareMax) spare_.push_back(std::move(result));
  }
  HitBatch blank() {
    MutexLock lock(mutex_);
    if (spare_.empty()) return {};
    HitBatch result = std::move(spare_.back());
    spare_.pop_back();
    return result;
  }

  // No put() will come any more.
  void close() {
    MutexLock lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  bool drained() {
    MutexLock lock(mutex_);
    return closed_ && (waiting_.empty() || waiting_.begin()->first != next_);
  }
  size_t size() {
    MutexLock lock(mutex_);
    return waiting_.size();
  }

 private:
  static constexpr size_t kSpareMax = 8;

  const uint64_t ahead_max_;
  Mutex mutex_;
  CondVar changed_;
  std::map<uint64_t, HitBatch> waiting_ PICKET_THREAD(guarded_by(mutex_));
  std::vector<HitBatch> spare_ PICKET_THREAD(guarded_by(mutex_));
  uint64_t next_ PICKET_THREAD(guarded_by(mutex_)) = 0;
  bool closed_ PICKET_THREAD(guarded_by(mutex_)) = false;
};

}  // namespace picket
