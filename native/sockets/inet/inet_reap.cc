// InetSocket: what comes back. Everything here runs under the lock: do_poll() on the JavaScript
// thread, do_ready() on the poller thread, the rest on either.

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>

#include "kernel/error_queue.h"
#include "kernel/syscalls.h"
#include "sockets/inet/inet_socket.h"

namespace zerosend {

void InetSocket::do_poll() {
  flush();
  drain(Budget::kMostNotes);  // what is left waits for the next poll, or for the poller thread
  if (slabs_.several()) slabs_.let_go(ledger_.oldest_send());
  end_if_unreadable();
}

// Reads up to `most` messages: the completions of what is outstanding, or, with `foreign`, all that
// the error queue has, late ones included.
InetSocket::Drained InetSocket::drain(size_t most, bool foreign) {
  Drained drained;
  if (fd_ < 0 || (!foreign && !expects_messages())) return drained;
  const uint64_t doubts = ledger_.doubts();
  size_t count = 0;
  const auto handle = [this, &drained](const Notification& notification) {
    assert_locked();
    read_notification(notification, &drained);
  };
  const auto enough = [&] {
    assert_locked();
    return ++count == most || (!foreign && !expects_messages());
  };
  drained.end = read_error_queue(fd_, handle, enough);
  note_end_of_queue(drained.end);
  note_reading(drained, doubts);
  drained.more = count == most;
  return drained;
}

size_t InetSocket::drain_all() { return drain(SIZE_MAX, true).freed; }

// `error` is the errno that ended a reading of the error queue: EAGAIN means that it is empty, 0
// that no completion is outstanding. Any other errno will come again at the next reading. If it
// goes on for long (a seccomp filter that denies recvmsg), no completion would ever be read, so the
// socket ends.
void InetSocket::note_end_of_queue(int error) {
  if (error == 0 || error == EAGAIN) {
    unreadable_.forget();
  } else if (unreadable_.note()) {
    unreadable_error_ = error;
  }
}

// Ends the socket if its error queue cannot be read. Has to be called where no send is half booked.
// What the kernel holds is given up at once, since its completions can never be read.
void InetSocket::end_if_unreadable() {
  if (unreadable_error_ == 0 || failed_ || fd_ < 0) return;
  fail(unreadable_error_, false, true);
  cut_off();
  revoke();
}

void InetSocket::read_notification(const Notification& notification, Drained* drained) {
  switch (notification.kind) {
    case Notification::Kind::kCompletion: {
      ++counters_[Counter::notifications];
      const NotificationEffect effect =
          ledger_.notify(notification.first, notification.last, notification.copied, completer());
      counters_[Counter::duplicateIds] += effect.duplicates;
      counters_[Counter::unknownIds] += effect.unknown;
      drained->notified = true;
      drained->phantoms += effect.phantoms;
      drained->freed += effect.completed;
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
int InetSocket::take_error() {
  int error = 0;
  socklen_t length = sizeof error;
  return sys.getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

void InetSocket::do_ready(uint32_t events) {
  const bool more_to_send = flush();
  // This reads more than what is outstanding: foreign messages must go too, or they would fire for
  // ever.
  const bool more_to_read = drain(Budget::kMostNotes, (events & EPOLLERR) != 0).more;
  unfinished_ = more_to_send || more_to_read;
  if (events & (EPOLLERR | EPOLLHUP)) {
    if (const int error = take_error()) note_error(error);
  }
  end_if_unreadable();
}

}  // namespace zerosend
