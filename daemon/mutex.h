// Mutex, MutexLock, CondVar: the standard ones with names that clang's -Wthread-safety understands.
//
// Clang cannot see which members a std::mutex guards. A member that belongs to a mutex is written
//   std::deque<Job> jobs_ PICKET_THREAD(guarded_by(mutex_));
// and touching it without a MutexLock in scope is then a compile error under clang; g++ ignores it.
//
// Thread rule: all calls from any thread, as for the standard types.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

// A thread-safety attribute where the compiler knows them.
#if defined(__clang__)
#define PICKET_THREAD(attribute) __attribute__((attribute))
#else
#define PICKET_THREAD(attribute)
#endif

namespace picket {

class PICKET_THREAD(capability("mutex")) Mutex {
 public:
  void lock() PICKET_THREAD(acquire_capability()) { mutex_.lock(); }
  void unlock() PICKET_THREAD(release_capability()) { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class PICKET_THREAD(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) PICKET_THREAD(acquire_capability(mutex)) : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() PICKET_THREAD(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Waits may wake for no reason: callers loop over their condition.
class CondVar {
 public:
  void wait(Mutex& mutex) PICKET_THREAD(requires_capability(mutex)) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  // False once `deadline` has passed.
  bool wait_until(Mutex& mutex, std::chrono::steady_clock::time_point deadline)
      PICKET_THREAD(requires_capability(mutex)) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    const auto status = condition_.wait_until(lock, deadline);
    lock.release();
    return status == std::cv_status::no_timeout;
  }
  void notify_all() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace picket
