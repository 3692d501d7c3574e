#pragma once

#include <atomic>
#include <cstdint>

#include "kernel/failure.h"

namespace zerosend {

// One timer by which the poller thread wakes JavaScript at a time of its own (timerfd_create(2)).
// It is exact where the timers of the event loop have steps of a millisecond, and costs nothing
// while it waits.
class Alarm {
 public:
  Alarm() = default;
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  // ---- JavaScript thread ------------------------------------------------------------------------

  // Rings once after so many nanoseconds, in place of what was set before; 0: not at all. The timer
  // is made by the first call, and added to the epoll under `token`.
  Failure set(int epoll_fd, uint64_t token, uint64_t nanoseconds);
  // Whether it has rung since it was asked last.
  bool take() { return rung_.exchange(false); }
  // When the poller thread has ended.
  void close();

  // ---- poller thread ----------------------------------------------------------------------------

  // The timer, for poll(2) beside the epoll; -1 while there is none.
  int fd() const { return fd_; }
  // The timer may have run out. Returns whether JavaScript has to be called: it has run out, and no
  // call of an earlier time is under way.
  bool ring();

 private:
  std::atomic<int> fd_{-1};
  std::atomic<bool> rung_{false};
};

}  // namespace zerosend
