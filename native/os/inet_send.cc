// InetSocket: handing data to the kernel. Everything here runs under the lock, on the JavaScript
// thread (send, send_many, poll) or on the poller thread (flush).

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "os/inet_socket.h"
#include "os/syscalls.h"

namespace zerosend {
namespace {

int send_flags(bool zerocopy) {
  return MSG_DONTWAIT | MSG_NOSIGNAL | (zerocopy ? MSG_ZEROCOPY : 0);
}

}  // namespace

// Errors that tell of an earlier datagram (a pending ICMP error, given to the next call): the send
// that meets one has not been tried yet.
bool InetSocket::is_soft(int error) const {
  if (protocol_ != Protocol::kUdp) return false;
  switch (error) {
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENOPROTOOPT:
    case EPROTO:
    case ENONET:
      return true;
    default:
      return false;
  }
}

// Errors that end a connection. The others are about the one message; datagram sockets know no
// error that outlives it.
bool InetSocket::is_fatal(int error) const {
  if (protocol_ != Protocol::kTcp) return false;
  switch (error) {
    case EFAULT:
    case EINVAL:
    case EMSGSIZE:
    case EOPNOTSUPP:
    case EPERM:
      return false;
    default:
      return true;
  }
}

// After a copying send was refused with ENOBUFS. Where drops are reported, a queueing discipline
// may be full and have taken the first fragments of the datagram all the same: tried at each wake
// these would keep it full for ever. So the tries get rarer, and what has not fitted in three
// seconds never will: it fails. Otherwise it is the socket's own buffer that is full, which
// empties.
int InetSocket::back_off() {
  constexpr std::chrono::nanoseconds kFirst = std::chrono::microseconds(100);
  constexpr std::chrono::nanoseconds kLast = 16384 * kFirst;
  if (protocol_ != Protocol::kUdp || !reports_drops()) return EAGAIN;
  if (retry_delay_ >= kLast) return ENOBUFS;
  retry_delay_ = std::max(kFirst, 2 * retry_delay_);
  retry_at_ = std::chrono::steady_clock::now() + retry_delay_;
  return EAGAIN;
}

// One message to the kernel, with what each refusal calls for. By sendto, not sendmsg: with one
// piece of memory and no control message there is nothing that the kernel would have to fetch
// first, which makes 7 % of a send.
InetSocket::Attempt InetSocket::transmit(const Source& source, const Address* destination,
                                         uint32_t offset) {
  bool zerocopy = source.zerocopy && zerocopy_granted_;
  bool soft_error_seen = false;
  const bool connected = destination == nullptr || destination->length == 0;
  const sockaddr* to = connected ? nullptr : &destination->base;
  const socklen_t to_length = connected ? 0 : destination->length;
  for (;;) {
    if (stamps_) stamps_->about_to_send();
    const ssize_t accepted = sys.sendto(fd_, source.data + offset, source.length - offset,
                                        send_flags(zerocopy), to, to_length);
    if (accepted >= 0) return {accepted, zerocopy, 0};
    const int error = errno;
    switch (error) {
      case EINTR:
        continue;
      case ENOBUFS:
        ++counters_[Counter::noBuffers];
        if (!zerocopy) return {-1, false, back_off()};
        if (reap_refusal(error) > 0 && zerocopy_granted_) continue;
        // Nothing is left to reap. Waiting could be for ever: with nothing in flight (the memory
        // lock limit, charged to all processes of the user) no completion will ever come.
        ++counters_[Counter::inlineFallbacks];
        zerocopy = false;
        continue;
      case EAGAIN:
      case ENOMEM:
        ++counters_[Counter::noRoom];
        return {-1, false, EAGAIN};
      default:
        if (is_soft(error) && !soft_error_seen) {
          soft_error_seen = true;
          ++counters_[Counter::softErrors];
          continue;
        }
        if (zerocopy) reap_refusal(error);
        if (stamps_) stamps_->restart(fd_);
        return {-1, false, error};
    }
  }
}

// The kernel took all of a send at once.
void InetSocket::accept_whole(const Source& source, bool zerocopy) {
  const uint32_t length = source.length;
  count_send(length);
  ++counters_[Counter::kernelSends];
  uint64_t id;
  if (zerocopy) {
    ++counters_[Counter::kernelIds];
    id = ledger_.add_sent(source);
  } else {
    id = ledger_.open(source);
    ledger_.add_inline_piece(id);
    ledger_.close(id, completer());
  }
  if (stamps_) stamps_->accepted(id, length, true);
}

void InetSocket::accept_piece(uint64_t id, bool zerocopy, uint32_t bytes, bool last) {
  if (stamps_) stamps_->accepted(id, bytes, last);
  ++counters_[Counter::kernelSends];
  if (zerocopy) {
    ++counters_[Counter::kernelIds];
    ledger_.add_zerocopy_piece(id);
  } else {
    ledger_.add_inline_piece(id);
  }
}

// Hands the rest of an open send to the kernel, piece by piece, and moves `*offset` along.
InetSocket::Push InetSocket::push(uint64_t id, const Address* destination, uint32_t* offset,
                                  int* error) {
  for (;;) {
    const Source& source = ledger_.payload(id);
    const Attempt attempt = transmit(source, destination, *offset);
    if (attempt.accepted < 0) {
      *error = attempt.error;
      return attempt.error == EAGAIN ? Push::kNoRoom : Push::kRefused;
    }
    const auto bytes = static_cast<uint32_t>(attempt.accepted);
    *offset += bytes;
    accept_piece(id, attempt.zerocopy, bytes, *offset >= source.length);
    if (*offset >= source.length) return Push::kDone;
  }
}

void InetSocket::enqueue(uint64_t id, const Address* destination, uint32_t offset) {
  queue_.push({id, offset, destination == nullptr ? Address{} : *destination});
  note_queued();
}

void InetSocket::fail_queued() {
  retry_delay_ = {};
  while (!queue_.empty()) {
    ledger_.fail(queue_.front().id, completer());
    queue_.pop_front();
  }
}

int32_t InetSocket::do_send(const Source& source, const Address* destination) {
  if (!keep(source.slab, 1)) return -static_cast<int32_t>(Refusal::kWrongPool);
  return send_one(source, destination);
}

int32_t InetSocket::send_one(const Source& source, const Address* destination) {
  Attempt attempt{-1, false, EAGAIN};
  if (queue_.empty()) {
    attempt = transmit(source, destination, 0);
    if (attempt.accepted < 0 && attempt.error != EAGAIN) {
      if (is_fatal(attempt.error)) fail(attempt.error, false);
      return -attempt.error;
    }
  }
  const auto accepted = static_cast<uint32_t>(std::max<ssize_t>(attempt.accepted, 0));
  if (accepted == source.length) {
    accept_whole(source, attempt.zerocopy);
    return 0;
  }
  const uint64_t id = ledger_.open(source);
  count_send(source.length);
  if (accepted == 0) {
    enqueue(id, destination, 0);
  } else {
    accept_piece(id, attempt.zerocopy, accepted, false);
    send_rest(id, destination, accepted);
  }
  return 0;
}

// A part is on its way, so the id is taken: whatever becomes of the rest, the send is accepted.
void InetSocket::send_rest(uint64_t id, const Address* destination, uint32_t offset) {
  int error = 0;
  switch (push(id, destination, &offset, &error)) {
    case Push::kDone:
      ledger_.close(id, completer());
      break;
    case Push::kNoRoom:
      enqueue(id, destination, offset);
      break;
    case Push::kRefused:
      ledger_.fail(id, completer());
      fail(error, false);
      break;
  }
}

// Sends a run of messages that agree on zero copy with one system call, and books what was
// accepted. Returns how many sources are dealt with; 0 leaves the first one to send_one(), which
// knows what to do about each error.
size_t InetSocket::transmit_batch(const Source* sources, size_t count) {
  const bool zerocopy = sources[0].zerocopy && zerocopy_granted_;
  if (zerocopy && drops_reported()) return 0;
  if (!batch_) batch_ = std::make_unique<Batch>();
  // Booked before the call where it takes messages whole or not at all: afterwards none of what a
  // message touches would be in the cache any more.
  const bool ahead = zerocopy && protocol_ == Protocol::kUdp && !stamps_;
  size_t run = 0;
  uint64_t bytes = 0;
  for (; run < std::min(count, Batch::kSize); ++run) {
    const Source& source = sources[run];
    if ((source.zerocopy && zerocopy_granted_) != zerocopy) break;
    batch_->parts[run] = {const_cast<uint8_t*>(source.data), source.length};
    bytes += source.length;
    if (ahead) ledger_.add_sent(source);
  }
  if (stamps_) stamps_->about_to_send();
  const int answer =
      sys.sendmmsg(fd_, batch_->messages, static_cast<unsigned>(run), send_flags(zerocopy));
  const size_t accepted = answer > 0 ? static_cast<size_t>(answer) : 0;
  if (ahead) {
    ledger_.retract_sent(run - accepted);
    for (size_t i = accepted; i < run; ++i) bytes -= sources[i].length;
    counters_[Counter::sends] += accepted;
    counters_[Counter::bytes] += bytes;
    counters_[Counter::kernelSends] += accepted;
    counters_[Counter::kernelIds] += accepted;
  } else {
    for (size_t i = 0; i < accepted; ++i) {
      accept_message(sources[i], zerocopy, batch_->messages[i].msg_len);
    }
  }
  // The error of the message that stopped the call is not reported, but may have taken an id. (It
  // is met again by send_one(), which restarts the timestamps.)
  if (zerocopy && accepted < run) reap_stop();
  return accepted;
}

// A message of sendmmsg was accepted, of a stream perhaps in part: the kernel stops at that one.
void InetSocket::accept_message(const Source& source, bool zerocopy, uint32_t bytes) {
  if (bytes == source.length) {
    accept_whole(source, zerocopy);
    return;
  }
  const uint64_t id = ledger_.open(source);
  count_send(source.length);
  accept_piece(id, zerocopy, bytes, false);
  enqueue(id, nullptr, bytes);
}

int32_t InetSocket::do_send_run(const Run& run) {
  if (run_.size() < run.count) run_.resize(run.count);
  for (size_t i = 0; i < run.count; ++i) {
    run_[i] = run.source(i);
    if (run_[i].length == 0 || run_[i].length > run.slab->slot_size()) return -EINVAL;
  }
  return do_send_many(run_.data(), run.count);
}

int32_t InetSocket::do_send_many(const Source* sources, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (!keep(sources[i].slab, count)) return -static_cast<int32_t>(Refusal::kWrongPool);
  }
  size_t done = 0;
  while (done < count) {
    if (queue_.empty() && !failed_) {
      const size_t sent = transmit_batch(sources + done, count - done);
      done += sent;
      if (sent > 0) continue;
    }
    const uint32_t length = sources[done].length;
    const int32_t code = failed_ ? -EPIPE : send_one(sources[done], nullptr);
    if (code < 0) {
      if (done == 0) return code;
      // Earlier messages of the call have ids already, so this one takes its own and fails; and a
      // stream cannot go on behind the hole.
      if (protocol_ == Protocol::kTcp) fail(-code, false);
      const uint64_t id = ledger_.open(Source{});
      ledger_.fail(id, completer());
      count_send(length);
    }
    ++done;
  }
  return 0;
}

void InetSocket::flush() {
  if (queue_.empty() || failed_) return;
  if (retry_delay_.count() > 0 && std::chrono::steady_clock::now() < retry_at_) return;
  while (!queue_.empty()) {
    Queued& entry = queue_.front();
    int error = 0;
    const Push result = push(entry.id, &entry.destination, &entry.offset, &error);
    if (result == Push::kNoRoom) return;
    retry_delay_ = {};
    if (result == Push::kDone) {
      ledger_.close(entry.id, completer());
    } else if (protocol_ == Protocol::kTcp) {
      // A stream cannot go on behind a hole, whatever the error was about.
      fail(error, false);  // fails this entry and all behind it
      return;
    } else {
      ledger_.fail(entry.id, completer());
    }
    queue_.pop_front();
  }
  note_drained();
}

}  // namespace zerosend
