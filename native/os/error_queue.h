#pragma once

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "core/notification.h"
#include "os/syscalls.h"

namespace zerosend {

// Reads a socket's error queue until it is empty and calls `handler(const Notification&)` for each
// message, foreign ones included: a reader that stops at a message it does not know would leave the
// completions behind it unread. Never blocks. Returns the number of messages read.
template <class Handler>
size_t drain_error_queue(int fd, Handler&& handler) {
  // Room for every control message that a user's own setsockopt may switch on at once.
  alignas(cmsghdr) uint8_t control[1024];
  uint8_t payload[64];  // an ICMP error returns the start of the packet; it is cut and dropped
  size_t messages = 0;
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
      return messages;
    }
    ++messages;
    handler(
        parse_notification(control, message.msg_controllen, (message.msg_flags & MSG_CTRUNC) != 0));
  }
}

}  // namespace zerosend
