#include "sockets/watch.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <cerrno>

#include "kernel/syscalls.h"

namespace zerosend {

Failure Watch::arm(int fd, uint32_t events) {
  epoll_event event{};
  event.events = (events & EPOLLET) ? events : EPOLLONESHOT | events;
  event.data.u64 = handle_;
  if (armed_ && events_ == events) return {};
  int operation = registered_ ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  while (sys.epoll_ctl(epoll_fd_, operation, fd, &event) != 0) {
    if (errno != EEXIST || operation == EPOLL_CTL_MOD) return Failure::of("epoll_ctl");
    operation = EPOLL_CTL_MOD;  // remove() has failed
  }
  registered_ = true;
  armed_ = true;
  events_ = events;
  return {};
}

void Watch::note_read() { armed_ = armed_ || (registered_ && (events_ & EPOLLET)); }

void Watch::remove(int fd) {
  if (!registered_) return;
  epoll_event unused{};
  sys.epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, &unused);
  registered_ = false;
  armed_ = false;
}

Failure Watch::add_timer(int timer_fd) {
  epoll_event event{};
  event.data.u64 = handle_;
  event.events = EPOLLIN | EPOLLET;  // each expiry once, without reading the timer
  if (sys.epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, timer_fd, &event) == 0) return {};
  return Failure::of("epoll_ctl");
}

Failure Watch::arm_timer(int timer_fd, long nanoseconds) {
  if (armed_) return {};
  itimerspec time{};
  time.it_value.tv_nsec = nanoseconds;
  armed_ = sys.timerfd_settime(timer_fd, 0, &time, nullptr) == 0;
  return armed_ ? Failure{} : Failure::of("timerfd_settime");
}

void Watch::remove_timer(int timer_fd) {
  epoll_event unused{};
  sys.epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, timer_fd, &unused);
}

}  // namespace zerosend
