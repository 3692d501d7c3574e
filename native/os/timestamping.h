#pragma once

#include <cstdint>
#include <memory>

#include "core/notification.h"
#include "core/stamp_book.h"

namespace zerosend {

enum class Timestamps : uint8_t { kNone, kSoftware, kHardware };

// Has the kernel report when packets of the socket pass
// (Documentation/networking/timestamping.rst). A stream must be connected. Returns 0 or an errno.
int enable_timestamps(int fd, Timestamps kind, bool stream);

// Nanoseconds of CLOCK_REALTIME, the clock of software timestamps.
uint64_t realtime_ns();

// The timestamps of one socket: what was sent under which key.
class StampTracker {
 public:
  StampTracker(Timestamps kind, bool stream) : kind_(kind), stream_(stream) {}

  // Returns 0 or an errno.
  int start(int fd) { return enable_timestamps(fd, kind_, stream_); }

  // Before a system call.
  void about_to_send() { started_ns_ = realtime_ns(); }

  // The call was accepted with so many bytes; `id` is the send that they complete, if `last`.
  void accepted(uint64_t id, uint64_t bytes, bool last) {
    position_ += stream_ ? static_cast<uint32_t>(bytes) : 1;
    if (last || !stream_) book_.add(position_ - 1, id, started_ns_);
  }

  // The kernel refused a datagram, and may have used up a key or not: has both sides count from 0.
  void restart(int fd);

  const StampBook::Entry* find(const Notification& stamp) { return book_.find(stamp.key); }

 private:
  const Timestamps kind_;
  const bool stream_;
  uint32_t position_ = 0;  // datagrams or bytes so far, modulo 2^32 like the kernel's
  uint64_t started_ns_ = 0;
  StampBook book_;
};

}  // namespace zerosend
