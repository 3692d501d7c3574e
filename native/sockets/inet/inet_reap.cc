// InetSocket: what comes back. Everything here runs under the lock; do_ready() on the poller
// thread, the rest on either.

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "kernel/error_queue.h"
#include "kernel/syscalls.h"
#include "sockets/inet/inet_socket.h"

namespace zerosend {

// Reads up to `most` messages: the completions of what is outstanding, or, with `foreign`, all that
// the error queue has, late ones included.
InetSocket::Drained InetSocket::drain(size_t most, bool foreign) {
  Drained drained;
  if (fd_ < 0 || (!foreign && !expects_messages())) return drained;
  const uint64_t doubts = ledger_.doubts();
  size_t count = 0;
  const auto handle = [this, &drained](const Notification& notification) {
    read_notification(notification, &drained.freed);
  };
  const int end = read_error_queue(
      fd_, handle, [&] { return ++count == most || (!foreign && !expects_messages()); });
  note_end_of_queue(end);
  // All questions so far have been answered, and the answer to the latest is the kernel's count.
  if (end == EAGAIN && ledger_.doubts() < doubts) {
    ledger_.dispel(unread_questions_);
    unread_questions_ = unread_answers_ = 0;
  }
  drained.more = count == most;
  return drained;
}

size_t InetSocket::drain_all() { return drain(SIZE_MAX, true).freed; }

// `error` ended a reading of the error queue: EAGAIN says that it is empty, 0 that nothing is
// waited for. Anything else is met again by whoever reads next; but when that goes on (a filter of
// system calls that denies recvmsg), nobody would ever hear of a completion.
void InetSocket::note_end_of_queue(int error) {
  constexpr std::chrono::seconds kPatience{2};
  constexpr uint32_t kEnough = 32;  // a process may also have been stopped for longer
  if (error == 0 || error == EAGAIN) {
    unreadable_ = 0;
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  if (unreadable_++ == 0) unreadable_since_ = now;
  if (unreadable_ >= kEnough && now - unreadable_since_ >= kPatience) unreadable_error_ = error;
}

// To be called where nothing is half done: ends the socket if its error queue cannot be read. What
// the kernel holds is given up at once, since nobody will ever be told of it.
void InetSocket::end_if_unreadable() {
  if (unreadable_error_ == 0 || failed_ || fd_ < 0) return;
  fail(unreadable_error_, false, true);
  cut_off();
  revoke();
}

void InetSocket::read_notification(const Notification& notification, size_t* freed) {
  switch (notification.kind) {
    case Notification::Kind::kCompletion: {
      ++counters_[Counter::notifications];
      asked_in_vain_ = 0;
      const NotificationEffect effect =
          ledger_.notify(notification.first, notification.last, notification.copied, completer());
      counters_[Counter::duplicateIds] += effect.duplicates;
      counters_[Counter::unknownIds] += effect.unknown;
      if (effect.phantoms > 0) {
        const uint64_t answers = std::min(effect.phantoms, unread_answers_);
        unread_answers_ -= answers;
        counters_[Counter::phantomIds] += effect.phantoms - answers;
      }
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
  news_.tell(Record::kConnected);
}

void InetSocket::do_ready(uint32_t events) {
  if (connecting_) {
    if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) finish_connecting();
    return;
  }
  if (events & EPOLLHUP) hung_up_ = true;
  if (protocol_ == Protocol::kTcp && (events & (EPOLLIN | EPOLLRDHUP))) discard_input();
  const bool more_to_send = flush();
  // Not only what is outstanding: foreign messages must go too, or they would fire for ever.
  const bool more_to_read = drain(kMostNotes, (events & EPOLLERR) != 0).more;
  unfinished_ = more_to_send || more_to_read;
  if (events & (EPOLLERR | EPOLLHUP)) check_error(false);
  end_if_unreadable();
}

}  // namespace zerosend
