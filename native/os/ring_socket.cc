#include "os/ring_socket.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "os/syscalls.h"

namespace zerosend {

void RingSocket::do_poll() {
  if (unkicked_ > 0) kick();
  reap();
}

// Poller thread, by the timer. Frames that do not come back for long (a slow link) are looked for
// less often.
void RingSocket::do_ready(uint32_t) {
  if (unkicked_ > 0) kick();
  const size_t back = reap();
  interval_ns_ = back > 0 ? kShortestInterval : std::min(interval_ns_ * 2, kLongestInterval);
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

bool RingSocket::wants_arming() const { return !failed_ && (under_way() || unkicked_ > 0); }

void RingSocket::before_close() {
  if (timer_fd_ < 0) return;
  epoll_event unused{};
  sys.epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, timer_fd_, &unused);
  sys.close(timer_fd_);
  timer_fd_ = -1;
}

bool RingSocket::kicked(ssize_t result, int error) {
  ++counters_[Counter::kicks];
  if (result >= 0) {
    unkicked_ = 0;
    link_down_ = false;
    return true;
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
  return false;
}

}  // namespace zerosend
