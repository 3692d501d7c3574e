// Socket: what comes by a channel, and what goes back by its stream. Under the lock, on the
// submission thread, or where it says so on JavaScript's or the poller's.

#include <algorithm>
#include <cerrno>
#include <utility>

#include "sockets/budget.h"
#include "sockets/channel.h"
#include "sockets/socket.h"

namespace zerosend {
void Socket::use_channel(std::shared_ptr<Channel> channel) {
  Lock lock(mutex_);
  channel_ = std::move(channel);
  report();
}

void Socket::report() {
  if (!channel_) return;
  if (failed_) fail_pending();  // whoever would have handed it over
  channel_->report(watch_.handle(), news_, &counters_[Counter::ranges], next_id(), queued());
}

// Hands sends over, and refuses those that the kernel does not take. Returns how many are dealt
// with; for the others there is no room now.
size_t Socket::submit_or_refuse(const Source* sources, size_t count, const Address* destination) {
  size_t done = 0;
  while (done < count) {
    if (!is_open()) {
      refuse(sources[done++], failed_ ? reason() : static_cast<int>(Refusal::kClosed));
      continue;
    }
    size_t room = room_for(count - done);
    if (room == 0) return done;
    const bool alone = destination != nullptr || is_alone(sources[done]);
    size_t together = 1;
    while (!alone && together < room && !is_alone(sources[done + together])) ++together;
    room = together;
    busy_ = true;
    refused_at_ = 0;
    int32_t code = alone ? do_send(sources[done], destination, nullptr)
                         : do_send_many(sources + done, room, {});
    if (code >= 0) {
      done += room;
      continue;
    }
    // A ring refuses all for one that is wrong; those before it are right.
    if (const size_t right = std::exchange(refused_at_, 0u); right > 0 && right < room) {
      code = do_send_many(sources + done, right, {});
      if (code >= 0) {
        done += right;
        continue;
      }
    }
    refuse(sources[done++], -code);
  }
  return done;
}

// Hands over what is published, on any thread. Returns the bytes.
size_t Socket::push_pending(size_t most_bytes) {
  size_t bytes = 0;
  Channel::Batch batch;
  const bool was_parked = std::exchange(channel_->parked, false);
  while (bytes < most_bytes) {
    channel_->front(most_bytes - bytes, &batch);
    if (batch.count == 0) break;
    if (batch.error != 0) {
      refuse(batch.sources[0], batch.error);
      channel_->pop(1);
      continue;
    }
    const size_t done =
        submit_or_refuse(batch.sources, batch.count, batch.addressed ? &batch.to : nullptr);
    channel_->pop(done);
    channel_->since_reap += static_cast<uint32_t>(done);
    if (done < batch.count) {
      channel_->parked = true;
      if (!was_parked) news_.tell(Record::kWaiting);
      return bytes;
    }
    bytes += batch.bytes;
  }
  if (channel_->close_due && channel_->size() == 0) {
    channel_->close_due = false;
    closing_ = true;
    if (fd_ >= 0 && !failed_ && queued() == 0) finish_output();
  }
  return bytes;
}

// What is published and was not handed over will not be.
void Socket::fail_pending() {
  Channel::Batch batch;
  for (;;) {
    channel_->front(SIZE_MAX, &batch);
    if (batch.count == 0) return;
    for (size_t i = 0; i < batch.count; ++i) refuse(batch.sources[i], reason());
    channel_->pop(batch.count);
  }
}

Socket::Handed Socket::hand_over(size_t most_bytes) {
  PollerLock lock(mutex_);
  Handed handed;
  if (!channel_ || fd_ < 0) return handed;
  handed.bytes = push_pending(most_bytes);
  if (channel_->since_reap >= channel_->sends_to_reap()) {
    channel_->since_reap = 0;
    if (queued() == 0 && ++busy_polls_ == 2) watch_.remove(fd_);
    do_poll();
  }
  handed.parked = channel_->parked;
  handed.more = channel_->size() > 0;
  report();
  return handed;
}

bool Socket::read_completions() {
  PollerLock lock(mutex_);
  if (!channel_ || fd_ < 0) return false;
  channel_->since_reap = 0;
  do_poll();
  report();
  return wants_arming();
}

bool Socket::leave() {
  PollerLock lock(mutex_);
  if (!channel_ || fd_ < 0) return false;
  busy_ = false;
  busy_polls_ = 0;
  rest();
  const bool failed = wants_arming() && !watch_or_fail();
  report();
  return failed;
}

void Socket::hand_over_all(bool and_poll) {
  Lock lock(mutex_);
  if (!channel_ || fd_ < 0) return;
  push_pending(SIZE_MAX);
  if (and_poll) do_poll();
  report();
}

int32_t Socket::send_behind(const Source& source, const Address* destination, uint32_t* waiting) {
  Lock lock(mutex_);
  if (!channel_ || fd_ < 0) return -static_cast<int32_t>(Refusal::kClosed);
  push_pending(SIZE_MAX);
  if (channel_->size() > 0 || queued() + 1 > max_queued_) {
    report();
    return -static_cast<int32_t>(Refusal::kQueueFull);
  }
  if (!is_open()) {
    refuse(source, failed_ ? reason() : static_cast<int>(Refusal::kClosed));
  } else {
    busy_ = true;
    const int32_t code = do_send(source, destination, nullptr);
    if (code == -static_cast<int32_t>(Refusal::kWrongPool)) {
      report();
      return code;
    }
    if (code < 0) refuse(source, -code);
  }
  *waiting = static_cast<uint32_t>(queued());
  report();
  return 0;
}

void Socket::report_again() {
  Lock lock(mutex_);
  if (fd_ >= 0) report();
}

}  // namespace zerosend
