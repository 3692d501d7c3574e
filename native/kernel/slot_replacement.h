#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernel/slab.h"

namespace zerosend {

// Replaces the pages of the slots of many sends at once: neighbours together, so that they become
// one mapping, and each slot once, however many sends it is in.
class SlotReplacement {
 public:
  // Adds the memory of a send: `length` bytes at `data`, which begins in the slab.
  void add(Slab* slab, const uint8_t* data, size_t length);

  // Replaces the pages of all that was added.
  void run();

  // After run(): returns 0 when all slots of memory that was added are safe to reuse, otherwise an
  // errno that says why one is not.
  int error_of(const Slab* slab, const uint8_t* data, size_t length) const;

 private:
  struct Slots {
    Slab* slab;
    uint32_t first;
    uint32_t end;
    int error;
  };
  static bool before(const Slots& a, const Slots& b);

  std::vector<Slots> slots_;
};

}  // namespace zerosend
