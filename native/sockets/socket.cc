#include "sockets/socket.h"

#include <cerrno>

#include "kernel/syscalls.h"
#include "sockets/budget.h"
#include "sockets/channel.h"

namespace zerosend {
void Socket::note_stamp(const Notification& stamp) {
  ++counters_[Counter::timestamps];
  if (!stamps_) return;
  const StampBook::Entry* entry = stamps_->find(stamp);
  if (entry == nullptr || (stamp.seconds == 0 && stamp.nanoseconds == 0)) {
    ++counters_[Counter::unknownStamps];
    return;
  }
  const uint64_t time = stamp.seconds * 1'000'000'000u + stamp.nanoseconds;
  uint64_t since = 0;
  if (stamp.of_device) {
    since = time > entry->sent.real ? time - entry->sent.real : 0;  // which may be another clock's
  } else if (!latency_of(entry->sent, instant_of_reading(), time, &since)) {
    ++counters_[Counter::unknownStamps];
    return;
  }
  news_.tell(Record::kStamp, entry->id, stamp.seconds);
  news_.tell(Record::kStamped + static_cast<uint32_t>(stamp.stage), stamp.nanoseconds, since);
}

void Socket::note_queued() {
  ++counters_[Counter::queuedSends];
  drain_due_ = true;
  // It is armed now, not when JavaScript goes idle, which may compute for seconds without looking
  // back.
  if (queued() != 1) return;
  arm_watch();
  if (channel_) news_.tell(Record::kWaiting);
}

void Socket::note_drained() {
  if (drain_due_) news_.tell(Record::kDrain, next_id());
  drain_due_ = false;
  if (closing_) finish_output();
}

// ---- epoll --------------------------------------------------------------------------------------

Failure Socket::attach(uint32_t handle) {
  Lock lock(mutex_);
  watch_.set_handle(handle);
  return start_watching();
}

Failure Socket::start_watching() { return wants_arming() ? arm_watch() : Failure{}; }

Failure Socket::arm_watch() { return watch_.arm(fd_, interest()); }

bool Socket::arm() {
  Lock lock(mutex_);
  busy_ = false;
  rest();
  if (fd_ < 0 || !wants_arming()) return false;
  busy_polls_ = 0;
  return !watch_or_fail() || !news_.empty();
}

SocketRearmed Socket::rearm() {
  PollerLock lock(mutex_);
  // JavaScript will arm a busy socket when it goes idle. Only sends that wait for room cannot wait
  // for that.
  const bool failed = fd_ >= 0 && wants_arming() && (!busy_ || queued() > 0) && !watch_or_fail();
  if (!channel_) return failed ? SocketRearmed::kNews : SocketRearmed::kYes;
  report();
  // Neither JavaScript nor the submission thread, which may sleep, would try again.
  return failed ? SocketRearmed::kLater : SocketRearmed::kYes;
}

// Fails a socket that cannot be watched (for instance since its descriptor was closed): its
// completions would never be read.
bool Socket::watch_or_fail() {
  const int error = arm_watch().error;
  if (error == 0) return true;
  // There is no room for a registration now. Whoever has tried goes on polling, and tries again:
  // also for a socket that has failed, whose completions still come.
  if (!watch_.is_registered() && (error == ENOMEM || error == ENOSPC)) return false;
  if (failed_) return true;
  fail(error, connecting_);
  return false;
}

Socket::Wake Socket::on_ready(uint32_t events) {
  PollerLock lock(mutex_);
  // This counts as a wake also where it goes on with an earlier one: JavaScript may have armed
  // since, and its event be among `events`. To arm once more than needed does no harm.
  watch_.note_wake();
  if (fd_ < 0) return {};
  ++counters_[Counter::wakes];
  unfinished_ = false;
  if (!busy_ || queued() > 0) {
    do_ready(events);
    if (!unfinished_) watch_.note_read();
  }
  if (channel_) {
    const bool busy = busy_;
    if (channel_->parked) {
      push_pending(Budget::kMostBytes);
      // What is beyond the budget is left to this thread as well: nobody else knows of it.
      if (!channel_->parked && channel_->size() > 0) channel_->parked = unfinished_ = true;
    }
    busy_ = busy;  // nobody would arm it who does not know of these sends
    report();
  }
  if (!busy_) rest();
  Wake wake;
  wake.news = !channel_ && !news_.empty();
  wake.unfinished = unfinished_;
  wake.rearm = wants_arming() && (!busy_ || queued() > 0);
  wake.soon = queued() > 0 || closing_;
  return wake;
}

bool Socket::on_interface_gone() {
  PollerLock lock(mutex_);
  if (fd_ < 0) return false;
  do_interface_gone();
  report();
  return !channel_ && !news_.empty();
}

// ---- the end ------------------------------------------------------------------------------------

void Socket::fail(int error, bool connecting, bool reading) {
  if (failed_) return;
  failed_ = true;
  failure_ = error;
  connecting_ = false;
  fail_queued();
  news_.tell(Record::kError, static_cast<uint64_t>(error), connecting ? 0 : reading ? 2 : 1);
}

void Socket::begin_close() {
  Lock lock(mutex_);
  if (channel_ && channel_->size() > 0) {
    channel_->close_due = true;  // and is done by push_pending()
    return;
  }
  closing_ = true;
  if (fd_ >= 0 && !failed_ && queued() == 0) finish_output();
}

void Socket::abort() {
  Lock lock(mutex_);
  if (fd_ < 0) return;
  closing_ = true;
  connecting_ = false;
  fail_queued();
  failed_ = true;  // the reset that cut_off() makes sets SO_ERROR, which must not be reported
  cut_off();
  revoke();
  report();
}

void Socket::abandon(std::chrono::steady_clock::time_point deadline) {
  Lock lock(mutex_);
  if (fd_ < 0) return;
  closing_ = true;
  fail_queued();
  leave_behind(deadline);
  close_locked();
}

int Socket::conclude() {
  Lock lock(mutex_);
  if (fd_ >= 0 && !failed_) do_conclude();
  report();
  return failure_;
}

void Socket::close() {
  Lock lock(mutex_);
  close_locked();
}

void Socket::close_locked() {
  if (fd_ < 0) return;
  before_close();
  watch_.remove(fd_);
  sys.close(fd_);
  fd_ = -1;
  channel_.reset();
  rest();
}

Counters Socket::counters() {
  Lock lock(mutex_);
  return counters_;
}

uint64_t Socket::progress() {
  Lock lock(mutex_);
  return counters_[Counter::completed] + counters_[Counter::kernelSends] + do_progress();
}

Socket::State Socket::state() {
  Lock lock(mutex_);
  State state = do_state();
  state.failure = failure_;
  return state;
}

}  // namespace zerosend
