#pragma once

#include <cstddef>
#include <cstdint>

#include "kernel/slab.h"

namespace zerosend {

// Answers of a send other than an errno, which is 1..4095. They are negated, like an errno.
enum class Refusal : int32_t {
  kClosed = 10001,     // closing, closed or failed
  kQueueFull = 10002,  // max_queued sends wait already
  kWrongPool = 10003,  // memory of a ring or a UMEM, which is another socket's
};

// The reason of a send that abort() has given up, beside errnos and Refusals.
constexpr int kGivenUp = 10004;

// The memory of one send: a slot of a slab, which the socket keeps mapped, or plain memory that
// JavaScript keeps alive until the send has completed.
struct Source {
  Slab* slab = nullptr;  // null for plain memory
  const uint8_t* data = nullptr;
  uint32_t slot = 0;
  uint32_t length = 0;
  bool zerocopy = false;
};

// The memory of several sends: neighbouring slots of a slab, which exist. The lengths are
// unchecked.
struct Run {
  // Set in a length to ask for zero copy; no slot is as long.
  static constexpr uint32_t kZeroCopy = 1u << 31;

  Slab* slab;
  uint32_t first;
  uint32_t count;
  const uint32_t* lengths;

  uint32_t length(size_t i) const { return lengths[i] & ~kZeroCopy; }
  Source source(size_t i) const {
    const uint32_t slot = first + static_cast<uint32_t>(i);
    return {slab, slab->slot(slot), slot, length(i), (lengths[i] & kZeroCopy) != 0};
  }
};

// A part of a packet that is laid out over several slots of a socket's own memory.
struct Part {
  uint32_t slot;
  uint32_t length;
};

}  // namespace zerosend
