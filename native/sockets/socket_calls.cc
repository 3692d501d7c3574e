// Socket: the calls of JavaScript on the way of a send, to hand it over and to take in what has
// completed. On the JavaScript thread.

#include <cerrno>

#include "sockets/channel.h"
#include "sockets/socket.h"

namespace zerosend {
int Socket::refusal(size_t count) const {
  if (!is_open()) return static_cast<int>(Refusal::kClosed);
  if (queued() + count > max_queued_) return static_cast<int>(Refusal::kQueueFull);
  // What is published has the ids before, and has found no room.
  if (channel_ && channel_->size() > 0) return static_cast<int>(Refusal::kQueueFull);
  return 0;
}

int32_t Socket::send(const Source& source, const Address* destination, uint32_t* waiting,
                     Prompt prompt) {
  Lock lock(mutex_);
  if (const int code = refusal(1)) return -code;
  busy_ = true;
  bool done = false;
  // Of a socket with a channel its stream alone tells.
  const bool may_be_prompt = prompt != Prompt::kNo && !channel_;
  const int32_t result = do_send(source, destination, may_be_prompt ? &done : nullptr);
  *waiting = static_cast<uint32_t>(queued());
  if (!done) return result;
  if (prompt == Prompt::kFirst) ++counters_[Counter::ranges];
  return kPrompt;
}

int32_t Socket::send_many(const Source* sources, size_t count, uint32_t* waiting,
                          const Destinations& to) {
  Lock lock(mutex_);
  *waiting = 0;
  if (const int code = refusal(count)) return -code;
  busy_ = true;
  refused_at_ = 0;
  const int32_t result = do_send_many(sources, count, to);
  *waiting = result < 0 ? refused_at_ : static_cast<uint32_t>(queued());
  return result;
}

int32_t Socket::send_run(const Run& run, uint32_t* waiting, const Destinations& to) {
  Lock lock(mutex_);
  *waiting = 0;
  if (const int code = refusal(run.count)) return -code;
  busy_ = true;
  refused_at_ = 0;
  const int32_t result = do_send_run(run, to);
  *waiting = result < 0 ? refused_at_ : static_cast<uint32_t>(queued());
  return result;
}

int32_t Socket::send_packet(const Part* parts, size_t count) {
  Lock lock(mutex_);
  if (const int code = refusal(1)) return -code;
  busy_ = true;
  return do_send_packet(parts, count);
}

int32_t Socket::send_extents(Source source, const Extent* extents, size_t count,
                             const Address* destination, uint32_t* waiting) {
  Lock lock(mutex_);
  if (const int code = refusal(1)) return -code;
  busy_ = true;
  for (size_t i = 0; i < count; ++i) source.length += extents[i].length;
  int32_t result = do_send_extents(source, extents, count, destination);
  if (channel_ && result < 0 && result > -static_cast<int32_t>(Refusal::kClosed)) {
    refuse(source, -result);
    result = 0;
  }
  *waiting = static_cast<uint32_t>(queued());
  return result;
}

void Socket::poll() {
  Lock lock(mutex_);
  if (fd_ < 0) return;
  // The first poll does not do it: a sender that pauses between its sends would register again each
  // time.
  if (busy_ && queued() == 0 && ++busy_polls_ >= 2) watch_.remove(fd_);
  do_poll();
}

bool Socket::look_back(Record* ended) {
  Lock lock(mutex_);
  if (fd_ < 0 || !busy_ || channel_ || !may_look_back()) return false;
  do_poll();
  return news_.latest_ended(ended);
}

size_t Socket::take(Record* out, size_t max, bool* more) {
  Lock lock(mutex_);
  const size_t count = news_.take(out, max, &counters_[Counter::ranges]);
  *more = !news_.empty();
  return count;
}

int32_t Socket::skip(uint32_t slot) {
  Lock lock(mutex_);
  return fd_ < 0 || failed_ ? 0 : do_skip(slot);
}

int32_t Socket::do_send_packet(const Part*, size_t) { return -EOPNOTSUPP; }

int32_t Socket::do_send_extents(Source, const Extent*, size_t, const Address*) {
  return -EOPNOTSUPP;
}

}  // namespace zerosend
