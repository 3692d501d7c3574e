#pragma once

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "core/notification.h"
#include "kernel/syscalls.h"

namespace zerosend {

// Reads a socket's error queue and calls `handler(const Notification&)` for each message, foreign
// ones included: a reader that stops at a message it does not know would leave the completions
// behind it unread. Ends when the queue is empty, or earlier when `enough()` says that nothing is
// waited for: the call that finds the queue empty is saved. Never blocks. Returns the errno that
// ended it, which is EAGAIN for an empty queue, or 0 after `enough()`.
template <class Handler, class Enough>
int read_error_queue(int fd, Handler&& handler, Enough&& enough) {
  // Room for every control message that a user's own setsockopt may switch on at once.
  alignas(cmsghdr) uint8_t control[1024];
  uint8_t payload[64];  // an ICMP error returns the start of the packet; it is cut and dropped
  for (;;) {
    iovec part{payload, sizeof payload};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;  // the kernel rewrites it at each call
    const ssize_t result = sys.recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
    if (result < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    const bool truncated = (message.msg_flags & MSG_CTRUNC) != 0;
    handler(parse_notification(control, message.msg_controllen, truncated));
    if (enough()) return 0;
  }
}

template <class Handler>
int drain_error_queue(int fd, Handler&& handler) {
  return read_error_queue(fd, handler, [] { return false; });
}

}  // namespace zerosend
