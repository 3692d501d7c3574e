#pragma once

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "kernel/syscalls.h"

namespace zerosend {

// One message of a socket's error queue, as read by recvmsg(MSG_ERRQUEUE).
struct Notification {
  enum class Kind : uint8_t {
    kCompletion,  // kernel ids first..last are free (SO_EE_ORIGIN_ZEROCOPY)
    kIcmp,        // an ICMP or local error about an earlier packet; `error` holds the errno
    kTimestamp,   // a transmit timestamp (SO_EE_ORIGIN_TIMESTAMPING)
    kTruncated,   // the control part did not fit (MSG_CTRUNC) and held no whole message
    kUnknown,     // anything else
  };

  // When a packet passed a point on its way (SCM_TSTAMP_*, linux/errqueue.h).
  enum class Stage : uint8_t { kSent = 0, kScheduled = 1, kAcknowledged = 2 };

  Kind kind = Kind::kUnknown;
  bool copied = false;
  Stage stage = Stage::kSent;  // this and the next four fields are those of a timestamp
  uint32_t key = 0;            // SOF_TIMESTAMPING_OPT_ID
  bool of_device = false;      // the time was read from the clock of the network card
  // since the epoch of the clock; 0 together with 0 nanoseconds where no time was taken
  uint64_t seconds = 0;
  uint32_t nanoseconds = 0;
  uint32_t first = 0;
  uint32_t last = 0;
  uint32_t error = 0;
};

// Reads the control part of one error-queue message. Trusts no length in it. `truncated` is whether
// recvmsg set MSG_CTRUNC: a whole completion before the cut still counts.
// Source: Documentation/networking/msg_zerocopy.rst, ip(7) IP_RECVERR, timestamping.rst.
Notification parse_notification(const void* control, size_t length, bool truncated);

// Reads a socket's error queue and calls `handler(const Notification&)` for each message, also for
// kinds that it does not know: if reading stopped there, the completions behind would never be
// read. Ends when the queue is empty, or earlier when `enough()` says that no completion is
// outstanding, which saves the call that would find the queue empty. Never blocks. Returns the
// errno that ended it, which is EAGAIN for an empty queue, or 0 after `enough()`.
template <class Handler, class Enough>
int read_error_queue(int fd, Handler&& handler, Enough&& enough) {
  // Room for every control message that a user's own setsockopt may switch on at once.
  alignas(cmsghdr) uint8_t control[1024];
  uint8_t payload[64];  // an ICMP error comes with the start of the packet, which is not used
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
