#pragma once

#include <cstddef>

namespace zerosend {

// What a socket may do under its lock at once, since the other thread waits for it; about a
// millisecond.
struct Budget {
  size_t messages = 128;
  size_t bytes = kMostBytes;

  static constexpr size_t kMostBytes = 2 << 20;
  // Of messages of an error queue; reading one costs less than sending one.
  static constexpr size_t kMostNotes = 1024;

  bool is_spent() const { return messages == 0 || bytes == 0; }
  void spend(size_t sent) {
    --messages;
    bytes -= sent < bytes ? sent : bytes;
  }
};

}  // namespace zerosend
