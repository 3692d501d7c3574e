#include "sockets/rings/ring_socket.h"

#include <linux/if.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "kernel/syscalls.h"

namespace zerosend {

void RingSocket::do_poll() {
  if (untaken() > 0) kick();
  reap();
}

// Runs on the poller thread, by the timer. Frames that do not come back for long (a slow link), or
// that the kernel does not take, are looked for less often.
void RingSocket::do_ready(uint32_t) {
  const uint64_t before = counters_[Counter::completed];
  if (untaken() > 0) kick();
  reap();
  if (under_way()) note_link();
  const bool back = counters_[Counter::completed] != before;
  interval_ns_ = back ? kShortestInterval : std::min(interval_ns_ * 2, kLongestInterval);
}

// There may be no further poll, and the last frames may be fewer than a kick waits for.
void RingSocket::finish_output() {
  if (untaken() > 0) kick();
}

// check() reads nothing but what never changes, the memory of the frames and the MTU, which is
// atomic.
int RingSocket::check_sources(const Source* sources, size_t count, bool rested,
                              uint32_t* index) NO_THREAD_SAFETY_ANALYSIS {
  if (rested && !kernel_checks_mtu_ && interface_watch_->has_news()) {
    Lock lock(mutex_);
    look_again();
  }
  for (size_t i = 0; i < count; ++i) {
    *index = static_cast<uint32_t>(i);
    if (sources[i].slab != memory_.get()) return EINVAL;
    const Part frame{sources[i].slot, sources[i].length};
    int error = check(frame);
    if (error == EMSGSIZE) {
      Lock lock(mutex_);
      if (look_again()) error = check(frame);
    }
    if (error != 0) return error;
  }
  return 0;
}

void RingSocket::fail_accepted(const Part& frame, int error) {
  count_unsent(frame.length);
  complete(accept(frame), Outcome::kFailed, error);
}

// ---- the interface ------------------------------------------------------------------------------

Failure RingSocket::begin(const std::string& name, uint32_t ifindex, InterfaceWatch& interfaces) {
  uint32_t mtu = 0;
  if (const Failure failed = read_mtu(name, &mtu, &link_header_)) return failed;
  interface_watch_ = &interfaces;
  interface_ = interfaces.follow(ifindex, mtu, &facts_);
  dropped_before_ = facts_.tx_dropped;
  if (!interface_) return {ENODEV, "netlink(RTM_GETLINK)"};
  timer_fd_ = sys.timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  return timer_fd_ < 0 ? Failure::of("timerfd_create") : Failure{};
}

bool RingSocket::look_again() {
  InterfaceFacts facts;
  if (interface_->ask(&facts)) return false;
  facts_ = facts;
  return true;
}

void RingSocket::catch_up() {
  rested_ = false;
  if (interface_watch_->has_news()) look_again();
}

// The interface is asked before the lock is taken. The kernel answers when nobody else is changing
// the network, and the poller thread should not wait for the lock as long.
bool RingSocket::look_around() {
  InterfaceFacts facts;
  const Failure failed = interface_->ask(&facts);
  Lock lock(mutex_);
  const bool known = !news_.empty();
  if (fd_ >= 0) do_interface_gone();
  if (!failed) note_facts(facts);
  report();
  return !known && !news_.empty();
}

void RingSocket::note_facts(const InterfaceFacts& facts) {
  if (facts_.index == 0) dropped_before_ = facts.tx_dropped;  // it could not be asked for before
  facts_ = facts;
  // The interface's own count may begin anew, with its driver.
  if (facts.tx_dropped < dropped_before_) dropped_before_ = 0;
  // The kernel announces a lost carrier up to a second after the event. An interface that has
  // dropped packets since the last look may have lost it.
  if (facts.tx_dropped > dropped_before_) note_link();
  counters_[Counter::interfaceDropped] += facts.tx_dropped - dropped_before_;
  dropped_before_ = facts.tx_dropped;
}

// Tells JavaScript, once for each time that the interface goes down, that it is down: frames that
// were handed over wait meanwhile, or are dropped by it.
void RingSocket::note_link() {
  if (interface_->claim_down()) news_.tell(Record::kLinkDown);
}

void RingSocket::do_interface_gone() {
  if (!interface_->gone()) return;
  fail(ENXIO, false);  // as a kick would, and may have done
  reap();
  withdraw(reason());
}

Socket::State RingSocket::do_state() const {
  State state;
  state.interface = facts_;
  state.interface.name = interface_->name();
  state.interface_gone = interface_->gone();
  if (state.interface_gone) {
    state.interface.up = state.interface.carrier = false;
    state.interface.operstate = IF_OPER_NOTPRESENT;
  }
  state.link_down = link_down_;
  return state;
}

Failure RingSocket::start_watching() { return watch_.add_timer(timer_fd_); }

Failure RingSocket::arm_watch() {
  return timer_fd_ < 0 ? Failure{} : watch_.arm_timer(timer_fd_, interval_ns_);
}

bool RingSocket::wants_arming() const { return !failed_ && under_way(); }

void RingSocket::before_close() {
  if (timer_fd_ < 0) return;
  watch_.remove_timer(timer_fd_);
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
  note_link();
  if (result >= 0) {
    link_down_ = false;
    denied_.forget();
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
      // Of a frame that the kernel finds malformed, it comes once: that frame ends, and others go
      // on.
      if (denied_.note(counters_[Counter::completed])) fail(error, false);
      return;
  }
  denied_.forget();
}

}  // namespace zerosend
