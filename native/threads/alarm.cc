#include "threads/alarm.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "kernel/syscalls.h"

namespace zerosend {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

}  // namespace

Failure Alarm::set(int epoll_fd, uint64_t token, uint64_t nanoseconds) {
  if (fd_ < 0) {
    if (nanoseconds == 0) return {};
    const int fd = sys.timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0) return Failure::of("timerfd_create");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = token;
    if (sys.epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
      const Failure failure = Failure::of("epoll_ctl");
      sys.close(fd);
      return failure;
    }
    fd_ = fd;
  }
  itimerspec time{};
  time.it_value.tv_sec = static_cast<time_t>(nanoseconds / kSecond);
  time.it_value.tv_nsec = static_cast<long>(nanoseconds % kSecond);
  if (sys.timerfd_settime(fd_, 0, &time, nullptr) == 0) return {};
  return Failure::of("timerfd_settime");
}

bool Alarm::ring() {
  uint64_t times = 0;
  // Nothing is read where JavaScript has set it anew meanwhile.
  if (::read(fd_, &times, sizeof times) != static_cast<ssize_t>(sizeof times)) return false;
  return !rung_.exchange(true);
}

void Alarm::close() {
  if (fd_ >= 0) sys.close(fd_);
  fd_ = -1;
  rung_ = false;
}

}  // namespace zerosend
