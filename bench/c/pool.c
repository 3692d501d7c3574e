#include <string.h>
#include <sys/mman.h>

#include "sender.h"

static const size_t kHugePage = (size_t)2 << 20;

static uint8_t* base;
static uint32_t slots, buffers;  // slots share buffers where these are fewer
static size_t slot_bytes;
static uint8_t content[kSlotBytes];
// Free slots: a stack (the slot that came back last is the warmest), or a ring with `rotate`.
static uint32_t free_slots[kMaxSlots];
static uint32_t first_free, free_count;

void pool_create(uint32_t count, size_t bytes) {
  slots = count;
  memset(content, 7, sizeof(content));
  buffers = options.buffers ? options.buffers : count;
  slot_bytes = bytes;
  const size_t size = buffers * slot_bytes;
  uint8_t* raw =
      mmap(NULL, size + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) die("mmap");
  base = (uint8_t*)(((uintptr_t)raw + kHugePage - 1) / kHugePage * kHugePage);
  madvise(base, size, MADV_HUGEPAGE);
  for (uint32_t buffer = 0; buffer < buffers; ++buffer) {
    memset(pool_bytes(buffer), (int)buffer, slot_bytes);
  }
  // The first slot ends on top of the stack, or first in the ring.
  for (uint32_t i = 0; i < slots; ++i) pool_put(options.rotate ? i : slots - 1 - i);
}

uint8_t* pool_bytes(uint32_t slot) { return base + (slot % buffers) * slot_bytes; }

void pool_fill(uint32_t slot) {
  if (options.fill) memcpy(pool_bytes(slot), content, options.size);
}

bool pool_dry(void) { return free_count == 0; }

bool pool_complete(void) { return free_count == slots; }

uint32_t pool_take(void) {
  --free_count;
  if (!options.rotate) return free_slots[free_count];
  const uint32_t slot = free_slots[first_free];
  first_free = (first_free + 1) % slots;
  return slot;
}

void pool_put(uint32_t slot) {
  free_slots[options.rotate ? (first_free + free_count) % slots : free_count] = slot;
  ++free_count;
}
