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

  // When a packet passed a point on its way (SCM_TSTAMP_*, linux/errqueue.h).
  enum class Stage : uint8_t { kSent = 0, kScheduled = 1, kAcknowledged = 2 };

  Kind kind = Kind::kUnknown;
  bool copied = false;
  Stage stage = Stage::kSent;  // of a timestamp, as are the next four
  uint32_t key = 0;            // SOF_TIMESTAMPING_OPT_ID
  bool of_device = false;      // the time is of the clock of a network card
  uint64_t seconds = 0;        // since the epoch of the clock; 0 with 0 nanoseconds: none was taken
  uint32_t nanoseconds = 0;
  uint32_t first = 0;
  uint32_t last = 0;
  uint32_t error = 0;
};

// Reads the control part of one error-queue message. Trusts no length in it. `truncated` is whether
// recvmsg set MSG_CTRUNC: a whole completion before the cut still counts.
// Source: Documentation/networking/msg_zerocopy.rst, ip(7) IP_RECVERR, timestamping.rst.
Notification parse_notification(const void* control, size_t length, bool truncated);

}  // namespace zerosend
