#pragma once

#include <atomic>
#include <cstdint>

#include "kernel/failure.h"

namespace zerosend {

// A timer (timerfd_create(2)) by which the poller thread wakes JavaScript at a given time. It is
// exact, where the timers of the event loop have steps of a millisecond.
class Alarm {
 public:
  Alarm() = default;
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  // ---- JavaScript thread ------------------------------------------------------------------------

  // Sets the timer to run out once after `nanoseconds`, in place of what was set before; 0 clears
  // it. The timer is made by the first call, and added to the epoll under `token`.
  Failure set(int epoll_fd, uint64_t token, uint64_t nanoseconds);
  // Whether it has rung since it was asked last.
  bool take() { return rung_.exchange(false); }
  // When the poller thread has ended.
  void close();

  // ---- poller thread ----------------------------------------------------------------------------

  // The timer, for poll(2) beside the epoll; -1 while there is none.
  int fd() const { return fd_; }
  // Has to be called when the timer may have run out. Returns whether JavaScript has to be called:
  // the timer has run out, and no call for an earlier time is pending.
  bool ring();

 private:
  std::atomic<int> fd_{-1};
  std::atomic<bool> rung_{false};
};

}  // namespace zerosend
