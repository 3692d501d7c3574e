#pragma once

#include <cstddef>

namespace zerosend {

// Bounds the time that a socket works under its lock at once to about a millisecond, since the
// other thread may wait for the lock.
struct Budget {
  size_t messages = 128;
  size_t bytes = kMostBytes;

  static constexpr size_t kMostBytes = 2 << 20;
  // How many messages of an error queue may be read; reading one costs less than sending one.
  static constexpr size_t kMostNotes = 1024;

  bool is_spent() const { return messages == 0 || bytes == 0; }
  void spend(size_t sent) {
    --messages;
    bytes -= sent < bytes ? sent : bytes;
  }
};

}  // namespace zerosend
