#pragma once

#include <cstddef>
#include <cstdint>

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

  Kind kind = Kind::kUnknown;
  bool copied = false;
  uint32_t first = 0;
  uint32_t last = 0;
  uint32_t error = 0;
};

// Reads the control part of one error-queue message. Trusts no length in it. `truncated` is whether
// recvmsg set MSG_CTRUNC: a whole completion before the cut still counts.
// Source: Documentation/networking/msg_zerocopy.rst, ip(7) IP_RECVERR, timestamping.rst.
Notification parse_notification(const void* control, size_t length, bool truncated);

}  // namespace zerosend
