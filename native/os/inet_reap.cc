// InetSocket: what comes back. Everything here runs under the lock; do_ready() on the poller
// thread, the rest on either.

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>

#include "os/error_queue.h"
#include "os/inet_socket.h"
#include "os/syscalls.h"

namespace zerosend {

// Reads the completions there are of what is outstanding. Returns the number of kernel ids that
// they freed.
size_t InetSocket::drain() {
  if (fd_ < 0 || !expects_messages()) return 0;
  size_t freed = 0;
  const auto handle = [this, &freed](const Notification& notification) {
    read_notification(notification, &freed);
  };
  read_error_queue(fd_, handle, [this] { return !expects_messages(); });
  return freed;
}

// Reads everything there is, foreign messages and late ones included.
size_t InetSocket::drain_all() {
  size_t freed = 0;
  drain_error_queue(fd_, [this, &freed](const Notification& notification) {
    read_notification(notification, &freed);
  });
  return freed;
}

void InetSocket::read_notification(const Notification& notification, size_t* freed) {
  switch (notification.kind) {
    case Notification::Kind::kCompletion: {
      ++counters_[Counter::notifications];
      // The id that made the count uncertain may be notified at any time, in one range with those
      // before it. None was given out after it.
      if (ids_uncertain_) ledger_.expect_phantom(true);
      const NotificationEffect effect =
          ledger_.notify(notification.first, notification.last, notification.copied, completer());
      counters_[Counter::duplicateIds] += effect.duplicates;
      counters_[Counter::unknownIds] += effect.unknown;
      counters_[Counter::phantomIds] += effect.phantoms;
      if (effect.phantoms > 0) phantom_seen_ = true;
      *freed += effect.completed;
      break;
    }
    case Notification::Kind::kIcmp:
      ++counters_[Counter::icmpMessages];
      break;
    case Notification::Kind::kTimestamp:
      note_stamp(notification);
      break;
    case Notification::Kind::kTruncated:
      ++counters_[Counter::truncatedMessages];
      break;
    case Notification::Kind::kUnknown:
      ++counters_[Counter::unknownMessages];
      break;
  }
}

// After a refused datagram, before anything else is sent: see Ledger::expect_phantom.
size_t InetSocket::reap_refusal(int error) {
  phantom_seen_ = false;
  ledger_.expect_phantom(protocol_ == Protocol::kUdp);
  const size_t freed = drain_all();
  ledger_.expect_phantom(false);
  if (error == ENOBUFS && protocol_ == Protocol::kUdp && !phantom_seen_ && reports_drops()) {
    // The queueing discipline may have dropped a part of the segments, so that an id was taken
    // whose notification is still to come. From here on the count could be off by one, and a
    // buffer freed too early: no more ids on this socket.
    zerocopy_granted_ = false;
    ids_uncertain_ = true;
  }
  return freed;
}

// sendmmsg has stopped, and does not say at which error.
void InetSocket::reap_stop() {
  // With drops reported (the user has asked for that since the last look) it may have been a drop
  // whose notification is still to come.
  rested_ = true;
  reap_refusal(drops_reported() ? ENOBUFS : 0);
}

// Whether sendmmsg could hide a drop that has taken an id. Two system calls, so not for each batch:
// who changes the option in the midst of sending is found out by reap_stop().
bool InetSocket::drops_reported() {
  if (protocol_ != Protocol::kUdp) return false;
  if (rested_) drops_reported_ = reports_drops();
  rested_ = false;
  return drops_reported_;
}

// With IP_RECVERR (which only the user can have set) ENOBUFS tells of drops by the queueing
// discipline, too.
bool InetSocket::reports_drops() const {
  int v4 = 0;
  int v6 = 0;
  socklen_t length = sizeof v4;
  sys.getsockopt(fd_, IPPROTO_IP, IP_RECVERR, &v4, &length);
  length = sizeof v6;
  sys.getsockopt(fd_, IPPROTO_IPV6, IPV6_RECVERR, &v6, &length);
  return v4 != 0 || v6 != 0;
}

// Reading SO_ERROR clears it; left alone it would fire at each arming.
void InetSocket::check_error(bool connecting) {
  int error = 0;
  socklen_t length = sizeof error;
  if (sys.getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  if (error == 0) return;
  if (protocol_ == Protocol::kTcp) {
    fail(error, connecting);
  } else {
    ++counters_[Counter::softErrors];
  }
}

// Reads what a TCP peer says and drops it, without copying (MSG_TRUNC, tcp(7)).
void InetSocket::discard_input() {
  constexpr size_t kChunk = size_t{1} << 20;
  for (int round = 0; round < 16 && !peer_closed_; ++round) {
    const ssize_t got = sys.recv(fd_, nullptr, kChunk, MSG_TRUNC | MSG_DONTWAIT);
    if (got > 0) {
      counters_[Counter::discardedBytes] += static_cast<uint64_t>(got);
      continue;
    }
    if (got == 0) peer_closed_ = true;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno != EAGAIN && errno != ENOTCONN) fail(errno, false);
    return;
  }
}

void InetSocket::finish_connecting() {
  check_error(true);
  if (failed_) return;
  connecting_ = false;
  if (stamps_) timestamp_error_ = stamps_->start(fd_);
  notices_.push_back({Record::kConnected, 0, 0});
}

void InetSocket::do_ready(uint32_t events) {
  if (connecting_) {
    if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) finish_connecting();
    return;
  }
  if (events & EPOLLHUP) hung_up_ = true;
  if (protocol_ == Protocol::kTcp && (events & (EPOLLIN | EPOLLRDHUP))) discard_input();
  flush();
  // Not only what is outstanding: foreign messages must go too, or they would fire for ever.
  if (events & EPOLLERR) {
    drain_all();
  } else {
    drain();
  }
  if (events & (EPOLLERR | EPOLLHUP)) check_error(false);
}

}  // namespace zerosend
