#pragma once

#include <cstdint>

#include "kernel/failure.h"

namespace zerosend {

// What wakes the poller thread for one socket: events of a descriptor, or a timer. Each wakes it
// once and has to be armed again. Events are level-triggered, so arming with something to read
// fires at once. With EPOLLET they are edge-triggered instead: once all has been read, the next
// wake comes by itself. It is used under the lock of the socket.
class Watch {
 public:
  explicit Watch(int epoll_fd) : epoll_fd_(epoll_fd) {}

  // Sets the handle by which the poller thread knows the socket. Has to be called before anything
  // is armed.
  void set_handle(uint32_t handle) { handle_ = handle; }
  uint32_t handle() const { return handle_; }

  // Arms EPOLL* events of a descriptor, beside EPOLLERR and EPOLLHUP, which come without asking.
  Failure arm(int fd, uint32_t events);
  // Whether the descriptor is known to epoll.
  bool is_registered() const { return registered_; }
  // Removes the descriptor from epoll. Even a disarmed registration makes the kernel call epoll for
  // each completion, on the path of the send: about 4 % of a send into the sink.
  void remove(int fd);

  // Does the same by a timer (timerfd_create(2)), which is added once.
  Failure add_timer(int timer_fd);
  Failure arm_timer(int timer_fd, long nanoseconds);
  void remove_timer(int timer_fd);

  // A wake has come.
  void note_wake() { armed_ = false; }
  // All that it was about has been read.
  void note_read();

 private:
  const int epoll_fd_;
  uint32_t handle_ = 0;
  bool registered_ = false;
  bool armed_ = false;   // a wake is due
  uint32_t events_ = 0;  // that are armed
};

}  // namespace zerosend
