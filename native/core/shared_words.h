#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace zerosend {

// 32 bits in memory that JavaScript shares, where `Atomics` has them.
using SharedWord = std::atomic<uint32_t>;
static_assert(sizeof(SharedWord) == 4 && SharedWord::is_always_lock_free);

// What is written before a word is stored, and read by whoever loads it. (That stores and loads of
// several words have one order is another matter: test/model/submission.ts.)
enum class Publishes : uint8_t { kLines, kRoomForLines, kRecords, kRoomForRecords, kCount };

#ifdef ZEROSEND_INJECT_FAULTS
// The stress program takes each of these orders away, to see that it notices.
inline bool weakened[static_cast<size_t>(Publishes::kCount)];
inline void publish(SharedWord& word, uint32_t value, Publishes what) {
  if (weakened[static_cast<size_t>(what)]) {
    word.store(value, std::memory_order_relaxed);
  } else {
    word.store(value, std::memory_order_seq_cst);
  }
}
#else
inline void publish(SharedWord& word, uint32_t value, Publishes) {
  word.store(value, std::memory_order_seq_cst);
}
#endif

// A word with a cache line of its own: what two threads write must not share one.
struct SharedLine {
  SharedWord word;
  uint32_t unused[15];
};

// The memory of one JavaScript thread: a ring of descriptors that JavaScript writes, and a ring of
// records that C++ writes. Positions count lines and records modulo 2^32; what lies between two of
// them is what is there. JavaScript sets everything to 0 but for `idle`.
struct SharedRings {
  static constexpr uint32_t kLines = 4096;
  static constexpr uint32_t kWordsOfLine = 16;
  static constexpr uint32_t kMostOfRun = 1024;  // sends of one descriptor
  static constexpr uint32_t kRecords = 2048;
  static constexpr uint32_t kNumbersOfRecord = 4;  // handle, kind, first, last

  SharedLine tail;         // written by JavaScript: descriptors up to here are published
  SharedLine head;         // written by C++: descriptors up to here may be overwritten
  SharedLine asleep;       // 1: the thread sleeps on it; whoever wakes it takes it down
  SharedLine record_tail;  // written by C++
  SharedLine record_head;  // written by JavaScript
  SharedLine idle;         // 1: no turn of the event loop is coming that would look for records
  SharedLine backlog;      // 1: records wait with their sockets for room
  // 1: a pool has run dry, and what is freed is wanted at once. Written by JavaScript; a hint, on
  // which nothing else relies.
  SharedLine hungry;
  uint32_t lines[kLines * kWordsOfLine];
  double records[kRecords * kNumbersOfRecord];
};

// The words of one line. A run whose lengths differ has them in the lines that follow, with
// Run::kZeroCopy where it applies.
struct Line {
  enum : uint32_t { kOperation, kHandle, kSlab, kSlot, kLength, kCount, kLengths, kSecond };
  static constexpr uint32_t kAddress = 8;  // the length of the address, then its bytes
  // Values of kOperation.
  static constexpr uint32_t kSend = 1;
  static constexpr uint32_t kRun = 2;
  // Bits beside them.
  static constexpr uint32_t kZeroCopy = 1u << 8;
  static constexpr uint32_t kAddressed = 1u << 9;
};

// What JavaScript shares of one socket. Ids by their low 32 bits.
struct SharedCells {
  SharedWord accepted;  // written by C++: so many sends the kernel has taken, or have failed
  SharedWord waiting;   // written by C++: sends that have found no room
  uint32_t unused[14];
  SharedWord drain_at;  // written by JavaScript: `drain` is due when all ids below are accepted
  uint32_t unused_too[15];
};

}  // namespace zerosend
