#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernel/slab.h"

namespace zerosend {

// Parts the slots of many sends from the kernel at once: neighbours as one span, which makes one
// mapping of them, and each slot once, however many sends it is in. JavaScript thread.
class SlotReplacement {
 public:
  // Names memory of a send: `length` bytes at `data`, which begins in the slab.
  void add(Slab* slab, const uint8_t* data, size_t length);

  // Replaces the pages of all that was named.
  void run();

  // After run(): 0 when all slots of memory that was named are safe to reuse; else why one is not.
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
