#pragma once

#include <atomic>

#include "core/mutex.h"

namespace zerosend {

// A mutex that says when JavaScript waits for it. A mutex is not fair: a thread that takes it again
// and again asks first, and lets JavaScript have it.
class CAPABILITY("mutex") WantedMutex : public Mutex {
 public:
  bool is_wanted() const { return wanted_.load(std::memory_order_relaxed); }

 private:
  friend class WantingLock;
  std::atomic<bool> wanted_{false};
};

// JavaScript's hold of it; the other threads take a MutexLock.
class SCOPED_CAPABILITY WantingLock {
 public:
  explicit WantingLock(WantedMutex& mutex) ACQUIRE(mutex) : mutex_(mutex) {
    if (mutex.try_lock()) return;
    mutex.wanted_.store(true, std::memory_order_relaxed);
    mutex.lock();
    mutex.wanted_.store(false, std::memory_order_relaxed);
  }
  ~WantingLock() RELEASE() { mutex_.unlock(); }
  WantingLock(const WantingLock&) = delete;
  WantingLock& operator=(const WantingLock&) = delete;

 private:
  WantedMutex& mutex_;
};

}  // namespace zerosend
