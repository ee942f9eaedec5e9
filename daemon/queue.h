// Queue: the bounded hand-over between threads, first in, first out.
//
// Bounded twice: by the number of items and by their weight in bytes, so that neither many small
// batches nor a few huge ones can fill the memory. An item that is heavier than the whole bound is
// let through when the queue is empty; otherwise it could never pass.
//
// An item that must not wait may be folded into one that waits already (push_folding). Such items
// weigh nothing and may exceed items_max by folded_max.
//
// Invariants
//  1. What push() accepted is popped exactly once, in order, also after close().
//  2. After close() no push() is accepted and no waiter sleeps on.
// Thread rule: all calls from any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace picket {

struct QueueBounds {
  size_t items_max = 1024;
  uint64_t weight_max = 64 << 20;
  size_t folded_max = 4096;  // beyond items_max
};

// What becomes of a new item at the sight of one that waits.
enum class Fold : uint8_t {
  Into,  // the waiting one has taken it in
  Past,  // they may change places: look at the next older one
  Stop,  // they may not
};

template <class T>
class Queue {
 public:
  explicit Queue(QueueBounds bounds) : bounds_(bounds) {}
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  // Waits for room. False when the queue is or becomes closed: the item was not taken.
  bool push(T item, uint64_t weight = 0) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return closed_ || fits(weight); });
    if (closed_) return false;
    put(std::move(item), weight);
    return true;
  }

  // Never waits. False when there is no room or the queue is closed; `item` is then untouched.
  bool try_push(T& item, uint64_t weight = 0) {
    const std::scoped_lock lock(mutex_);
    if (closed_ || !fits(weight)) return false;
    put(std::move(item), weight);
    return true;
  }

  // For an item without weight. Asks `fold(waiting, item)` of the waiting ones, newest first, until
  // one says Into or Stop; unless it went into one it is put at the end. Waits only when folded_max
  // is reached. False when the queue is or becomes closed.
  template <class Ask>
  bool push_folding(T item, const Ask& fold) {
    std::unique_lock lock(mutex_);
    while (!closed_) {
      for (auto entry = items_.rbegin(); entry != items_.rend(); ++entry) {
        const Fold answer = fold(entry->item, item);
        if (answer == Fold::Into) return true;
        if (answer == Fold::Stop) break;
      }
      if (items_.size() < bounds_.items_max + bounds_.folded_max) {
        put(std::move(item), 0);
        return true;
      }
      room_.wait(lock);
    }
    return false;
  }

  // Waits for an item. Nothing once the queue is closed and empty.
  std::optional<T> pop() {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [&] { return closed_ || !items_.empty(); });
    return take();
  }
  // As pop(); `number` becomes how many items were popped before.
  std::optional<T> pop(uint64_t& number) {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [&] { return closed_ || !items_.empty(); });
    number = popped_;
    return take();
  }

  // As pop(), but gives up after `timeout`. Nothing then means "no item yet" or "closed and empty";
  // drained() tells which.
  std::optional<T> pop_for(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    ready_.wait_for(lock, timeout, [&] { return closed_ || !items_.empty(); });
    return take();
  }

  // Refuses further items and wakes everybody. May be called more than once.
  void close() {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    room_.notify_all();
    ready_.notify_all();
  }

  // True when closed and empty: nothing will ever be popped again.
  bool drained() const {
    const std::scoped_lock lock(mutex_);
    return closed_ && items_.empty();
  }

  size_t size() const {
    const std::scoped_lock lock(mutex_);
    return items_.size();
  }
  uint64_t weight() const {
    const std::scoped_lock lock(mutex_);
    return weight_;
  }
  size_t capacity() const { return bounds_.items_max; }

 private:
  struct Entry {
    T item;
    uint64_t weight;
  };

  // REQUIRES for the three below: mutex_ is held.
  bool fits(uint64_t weight) const {
    if (items_.empty()) return true;
    return items_.size() < bounds_.items_max && weight_ <= bounds_.weight_max &&
           weight <= bounds_.weight_max - weight_;
  }
  void put(T item, uint64_t weight) {
    items_.push_back({std::move(item), weight});
    weight_ += weight;
    ready_.notify_one();
  }
  std::optional<T> take() {
    if (items_.empty()) return std::nullopt;
    Entry entry = std::move(items_.front());
    items_.pop_front();
    ++popped_;
    weight_ -= entry.weight;
    // Several pushers may wait for different weights: waking one could wake the one that still
    // does not fit.
    room_.notify_all();
    return std::optional<T>(std::move(entry.item));
  }

  const QueueBounds bounds_;
  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::condition_variable ready_;
  std::deque<Entry> items_;
  uint64_t weight_ = 0;
  uint64_t popped_ = 0;
  bool closed_ = false;
};

}  // namespace picket
