// What the messages consist of: a header that says whose they are, and the pattern of
// rig/pattern.h. Both ends compute it from a socket's key and a send's id, so that a receiver knows
// each byte that may come: the bytes of any other send, or of a slot that has been written too
// early, are wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "pattern.h"
#include "random.h"

namespace stress {

constexpr uint32_t kMagic = 0x535a5a31;
constexpr uint32_t kMaxMessage = 65536;
constexpr uint32_t kMaxDatagram = 65000;

// How a TCP receiver behaves, which follows from the key too.
enum class Peer : uint8_t {
  kFast,
  kSlow,        // reads a little at a time
  kStalling,    // does not read for a while
  kResetting,   // closes with a reset in the middle
  kHalfClosed,  // shuts its sending side down at once, and reads on
  kTalking,     // sends data back, which the library reads and drops
};

inline Peer peer_of(uint32_t key) {
  switch (mix(key) % 12) {
    case 0:
    case 1:
      return Peer::kSlow;
    case 2:
      return Peer::kStalling;
    case 3:
    case 4:
      return Peer::kResetting;
    case 5:
      return Peer::kHalfClosed;
    case 6:
      return Peer::kTalking;
    default:
      return Peer::kFast;
  }
}

struct Header {
  uint32_t magic = kMagic;
  uint32_t key = 0;
  uint64_t id = 0;
  uint32_t cell = 0;    // of the message; one datagram each with UDP_SEGMENT
  uint32_t length = 0;  // bytes of the cell
};

// A header, as far as it fits, and the pattern under keys that no other cell has.
inline void write_cell(uint8_t* out, const Header& header) {
  const size_t head = header.length < sizeof header ? header.length : sizeof header;
  std::memcpy(out, &header, head);
  const uint64_t seed = mix(static_cast<uint64_t>(header.key) << 32 | header.cell);
  const PatternKeys keys = pattern_keys(static_cast<uint32_t>(seed), header.id);
  pattern_fill(out + head, header.length - head, head, keys);
}

inline void write_message(uint8_t* out, uint32_t length, uint32_t cell_size, uint32_t key,
                          uint64_t id) {
  for (uint32_t at = 0, cell = 0; at < length; at += cell_size, ++cell) {
    const uint32_t left = length - at;
    write_cell(out + at, {kMagic, key, id, cell, left < cell_size ? left : cell_size});
  }
}

// The length of a send over TCP, where no message boundary comes along. The first one of a
// connection is long enough for its header, which has the key, id and length.
inline uint32_t stream_length(uint32_t key, uint64_t id, bool first) {
  const uint64_t random = mix(key ^ mix(id));
  const auto size = static_cast<uint32_t>(random >> 8);
  uint32_t length = 0;
  switch (random % 8) {
    case 0:
      length = 1 + size % 64;
      break;
    case 1:
    case 2:
      length = 1 + size % 4096;
      break;
    case 3:
    case 4:
    case 5:
      length = 1 + size % 20000;
      break;
    default:
      length = 1 + size % kMaxMessage;
      break;
  }
  return first && length < sizeof(Header) ? static_cast<uint32_t>(sizeof(Header)) : length;
}

}  // namespace stress
