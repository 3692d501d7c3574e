#pragma once

#include <cstdint>

namespace zerosend {

// How a send ended. The order is the rule for a send that was made of several pieces: the piece
// with the greatest value names the whole send.
enum class Outcome : uint8_t {
  kZeroCopy = 0,  // every piece went out from the caller's pages
  kCopied = 1,    // the kernel reported a copy for the notification that held a piece
  kInline = 2,    // an ordinary copying send took at least one piece
  kRevoked = 3,   // given up; the pages were replaced, so the memory may be reused
  kFailed = 4,    // at least a part never reached the kernel
};

constexpr Outcome worse(Outcome a, Outcome b) { return a < b ? b : a; }

// An inclusive range of send ids that ended in the same way, and if they failed, for the same
// reason.
struct Range {
  uint64_t first;
  uint64_t last;
  Outcome outcome;
  // the reason of kFailed: an errno, or a number above all errnos (GIVEN_UP, refusals)
  uint16_t error = 0;

  bool operator==(const Range& other) const {
    return first == other.first && last == other.last && outcome == other.outcome &&
           error == other.error;
  }
};

}  // namespace zerosend
