#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/instant.h"

namespace zerosend {

// Finds the send that a transmit timestamp belongs to. The kernel labels timestamps with a key of
// its own: a count of datagrams, or the stream position of a send's last byte. Only the latest
// sends are remembered, since some timestamps never come: the kernel drops them when the error
// queue is full.
class StampBook {
 public:
  struct Entry {
    uint64_t id = 0;
    Instant sent;  // just before the system call
    uint32_t key = 0;
    bool used = false;
  };

  // Keys have to grow from call to call. Entries are numbered consecutively.
  void add(uint32_t key, uint64_t id, const Instant& sent) {
    entries_[next_++ % kSize] = {id, sent, key, true};
  }

  // Returns null when the send is not remembered. The search begins where the last one ended, since
  // timestamps come nearly in order.
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
