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

constexpr size_t kBatch = 64;

int send_flags(bool zerocopy) {
  return MSG_DONTWAIT | MSG_NOSIGNAL | (zerocopy ? MSG_ZEROCOPY : 0);
}

iovec vector_of(const Source& source, uint32_t offset) {
  return {const_cast<uint8_t*>(source.data) + offset, source.length - offset};
}

void address_message(msghdr* message, const Address* destination) {
  if (destination == nullptr || destination->length == 0) return;
  message->msg_name = const_cast<sockaddr*>(&destination->base);
  message->msg_namelen = destination->length;
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

// One message to the kernel, with what each refusal calls for.
InetSocket::Attempt InetSocket::transmit(const Source& source, const Address* destination,
                                         uint32_t offset) {
  bool zerocopy = source.zerocopy && zerocopy_granted_;
  bool soft_error_seen = false;
  iovec part = vector_of(source, offset);
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  address_message(&message, destination);
  for (;;) {
    if (stamps_) stamps_->about_to_send();
    const ssize_t accepted = sys.sendmsg(fd_, &message, send_flags(zerocopy));
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
  const uint32_t length = source.length;
  const uint64_t id = ledger_.open(source);
  uint32_t offset = 0;
  if (queue_.empty()) {
    int error = 0;
    switch (push(id, destination, &offset, &error)) {
      case Push::kDone:
        ledger_.close(id, completer());
        break;
      case Push::kNoRoom:
        enqueue(id, destination, offset);
        break;
      case Push::kRefused:
        if (offset == 0) {
          ledger_.retract(id);
          if (is_fatal(error)) fail(error, false);
          return -error;
        }
        // A part is on its way, so the id is taken; the rest cannot follow.
        ledger_.fail(id, completer());
        fail(error, false);
        break;
    }
  } else {
    enqueue(id, destination, 0);
  }
  count_send(length);
  return 0;
}

// Sends a run of messages that agree on zero copy with one system call, and books what was
// accepted. Returns how many sources are dealt with; 0 leaves the first one to do_send(), which
// knows what to do about each error.
size_t InetSocket::transmit_batch(const Source* sources, size_t count) {
  mmsghdr messages[kBatch];
  iovec parts[kBatch];
  const bool zerocopy = sources[0].zerocopy && zerocopy_granted_;
  // A message that is dropped in part has taken an id, and sendmmsg does not tell why it stopped.
  if (zerocopy && protocol_ == Protocol::kUdp && reports_drops()) return 0;
  size_t run = 0;
  for (; run < std::min(count, kBatch); ++run) {
    if ((sources[run].zerocopy && zerocopy_granted_) != zerocopy) break;
    parts[run] = vector_of(sources[run], 0);
    messages[run] = {};
    messages[run].msg_hdr.msg_iov = &parts[run];
    messages[run].msg_hdr.msg_iovlen = 1;
  }
  if (stamps_) stamps_->about_to_send();
  const int accepted =
      sys.sendmmsg(fd_, messages, static_cast<unsigned>(run), send_flags(zerocopy));
  // The error of the message that stopped the call is not reported, but may have taken an id.
  if (accepted <= 0) {
    if (zerocopy) reap_refusal(0);
    return 0;  // do_send() meets the error again, and restarts the timestamps
  }
  for (int i = 0; i < accepted; ++i) {
    const uint32_t length = sources[i].length;
    const uint64_t id = ledger_.open(sources[i]);
    accept_piece(id, zerocopy, messages[i].msg_len, messages[i].msg_len >= length);
    // The kernel stops at the first message that it takes in part.
    if (messages[i].msg_len < length) {
      enqueue(id, nullptr, messages[i].msg_len);
    } else {
      ledger_.close(id, completer());
    }
    count_send(length);
  }
  if (zerocopy && static_cast<size_t>(accepted) < run) reap_refusal(0);
  return static_cast<size_t>(accepted);
}

int32_t InetSocket::do_send_many(const Source* sources, size_t count) {
  size_t done = 0;
  while (done < count) {
    if (queue_.empty() && !failed_) {
      const size_t sent = transmit_batch(sources + done, count - done);
      done += sent;
      if (sent > 0) continue;
    }
    const uint32_t length = sources[done].length;
    const int32_t code = failed_ ? -EPIPE : do_send(sources[done], nullptr);
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
