#include "os/ring_socket.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "os/syscalls.h"

namespace zerosend {

void RingSocket::do_poll() {
  if (untaken() > 0) kick();
  reap();
}

// Poller thread, by the timer. Frames that do not come back for long (a slow link), or that the
// kernel does not take, are looked for less often.
void RingSocket::do_ready(uint32_t) {
  const uint64_t before = counters_[Counter::completed];
  if (untaken() > 0) kick();
  reap();
  const bool back = counters_[Counter::completed] != before;
  interval_ns_ = back ? kShortestInterval : std::min(interval_ns_ * 2, kLongestInterval);
}

// Nobody may poll any more, and the last frames may be fewer than a kick waits for.
void RingSocket::finish_output() {
  if (untaken() > 0) kick();
}

int32_t RingSocket::do_send(const Source& source, const Address*) {
  // A view of this memory is not a slot of it.
  if (source.slab != memory_.get() || source.data != memory_->slot(source.slot)) return -EINVAL;
  const Part frame{source.slot, source.length};
  if (const int error = check(frame)) return -error;
  return put(frame, !source.zerocopy);
}

void RingSocket::fail_accepted(Part frame) { complete(accept(frame), Outcome::kFailed); }

int RingSocket::make_timer() {
  timer_fd_ = sys.timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  return timer_fd_ < 0 ? errno : 0;
}

int RingSocket::start_watching() {
  epoll_event event{};
  event.data.u64 = handle_;
  event.events = EPOLLIN | EPOLLET;  // each expiry once, without reading the timer
  return sys.epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, timer_fd_, &event) == 0 ? 0 : errno;
}

int RingSocket::watch() {
  if (armed_ || timer_fd_ < 0) return 0;
  itimerspec time{};
  time.it_value.tv_nsec = interval_ns_;
  armed_ = sys.timerfd_settime(timer_fd_, 0, &time, nullptr) == 0;
  return armed_ ? 0 : errno;
}

bool RingSocket::wants_arming() const { return !failed_ && under_way(); }

void RingSocket::before_close() {
  if (timer_fd_ < 0) return;
  epoll_event unused{};
  sys.epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, timer_fd_, &unused);
  sys.close(timer_fd_);
  timer_fd_ = -1;
}

uint64_t RingSocket::coarse_ms() {
  timespec now{};
  sys.clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1'000'000;
}

void RingSocket::kicked(ssize_t result, int error) {
  ++counters_[Counter::kicks];
  if (result >= 0) {
    link_down_ = false;
    return;
  }
  switch (error) {
    case EBUSY:
      ++counters_[busy_is_drop_ ? Counter::droppedFrames : Counter::noRoom];
      break;
    case EAGAIN:
    case ENOMEM:
      ++counters_[Counter::noRoom];
      break;
    case ENOBUFS:
      ++counters_[Counter::refusedFrames];
      break;
    case ENETDOWN:
      // The frames wait: an interface that goes down usually comes up again.
      ++counters_[Counter::linkDown];
      link_down_ = true;
      break;
    case ENXIO:
    case ENODEV:
    case EBADF:
      fail(error, false);
      break;
    default:
      ++counters_[Counter::softErrors];
      break;
  }
}

}  // namespace zerosend
