#pragma once

#include <cstddef>
#include <cstdint>

#include "kernel/address.h"
#include "kernel/slab.h"

namespace zerosend {

// Answers of a send other than an errno, which is 1..4095. They are negated, like an errno.
enum class Refusal : int32_t {
  kClosed = 10001,     // closing, closed or failed
  kQueueFull = 10002,  // max_queued sends wait already
  kWrongPool = 10003,  // memory of a ring or a UMEM, which is another socket's
};

// The answer of a send that has completed within its call, and of which no record will tell.
constexpr int32_t kPrompt = 2;
// The answer of a send that was accepted, as 0 is, of which JavaScript is to call lookBack().
constexpr int32_t kLookBack = 3;
// Whether a send may answer kPrompt, and whether its id would be the first of a range of prompt
// sends or the next one.
enum class Prompt : uint8_t { kNo, kFirst, kNext };

// The reason of a send that abort() has given up, beside errnos and Refusals.
constexpr int kGivenUp = 10004;

// Bytes that lie in a row: of a slab, which the socket keeps mapped, or of plain memory that
// JavaScript keeps alive until the send has completed.
struct Extent {
  Slab* slab = nullptr;  // null for plain memory
  const uint8_t* data = nullptr;
  uint32_t length = 0;
};

// The most extents of one send. A datagram can have so many without a copy: each takes at least one
// fragment of a packet, and the kernel has 17 (MAX_SKB_FRAGS).
constexpr size_t kMostExtents = 16;

// The memory of one send: one extent, or several.
struct Source {
  Slab* slab = nullptr;  // null for plain memory, and where there are several extents
  union {
    const uint8_t* data = nullptr;
    const Extent* extents;  // where there are several: see KeptExtents
  };
  uint32_t slot = 0;
  uint32_t length = 0;  // of all
  bool zerocopy = false;
  uint8_t extent_count = 0;  // 0: the only extent is that of slab, data and length

  // Visits each extent.
  template <class Visit>
  void for_each_extent(Visit&& visit) const {
    if (extent_count == 0) visit(Extent{slab, data, length});
    for (size_t i = 0; i < extent_count; ++i) visit(extents[i]);
  }
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
  const uint32_t* begins = nullptr;  // where in its slot each begins; null: at its start

  uint32_t begin(size_t i) const { return begins == nullptr ? 0 : begins[i]; }
  uint32_t length(size_t i) const { return lengths[i] & ~kZeroCopy; }
  Source source(size_t i) const {
    const uint32_t slot = first + static_cast<uint32_t>(i);
    const uint8_t* const data = slab->slot(slot) + begin(i);
    return {slab, data, slot, length(i), (lengths[i] & kZeroCopy) != 0};
  }
};

// Where the messages of one call go: to the connected peer, all to one address, or each to its own.
// The addresses are the caller's, and are read within the call only.
struct Destinations {
  const Address* first = nullptr;  // null: the connected peer
  bool each = false;               // there are as many as messages

  const Address* of(size_t i) const { return each ? first + i : first; }
  // Those of the messages from number `i` on.
  Destinations from(size_t i) const { return {of(i), each}; }
};

// A part of a packet that is laid out over several slots of a socket's own memory. Passed by
// reference: by value its 12 bytes go through registers of 8, and loading what was just stored in
// pieces of 4 stalled for 5 ns at each call.
struct Part {
  uint32_t slot;
  uint32_t length;
  uint32_t offset = 0;  // in the slot
};

}  // namespace zerosend
