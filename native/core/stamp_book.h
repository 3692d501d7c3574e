#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/instant.h"

namespace zerosend {

// Which send a transmit timestamp is of. The kernel labels timestamps with a key of its own: a
// count of datagrams, or the stream position of a send's last byte. Only the latest sends are
// remembered; the kernel drops timestamps when the error queue is full, so some never come.
class StampBook {
 public:
  struct Entry {
    uint64_t id = 0;
    Instant sent;  // just before the system call
    uint32_t key = 0;
    bool used = false;
  };

  // Keys grow; the number of the entry does by one for each.
  void add(uint32_t key, uint64_t id, const Instant& sent) {
    entries_[next_++ % kSize] = {id, sent, key, true};
  }

  // Null when the send is not remembered. Searches from where the last one was found: timestamps
  // come nearly in order.
  const Entry* find(uint32_t key) {
    for (size_t i = 0; i < kSize; ++i) {
      const Entry& entry = entries_[(hint_ + i) % kSize];
      if (!entry.used || entry.key != key) continue;
      hint_ = (hint_ + i) % kSize;
      return &entry;
    }
    return nullptr;
  }

 private:
  static constexpr size_t kSize = 4096;
  std::array<Entry, kSize> entries_{};
  size_t next_ = 0;
  size_t hint_ = 0;
};

}  // namespace zerosend
