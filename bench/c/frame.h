// Whole frames: their content, and the loop of js/rings.mjs for senders with a ring.
#pragma once

#include "sender.h"

// KICK_EVERY of lib/sockets/ring.ts: frames that are put into the ring before the kernel is kicked.
enum { kKickEvery = 64, kOffloadHeader = 10 };

// frame.c
uint32_t frame_bytes(void);      // offload header included
void frame_lay(uint8_t* bytes);  // the template, once into each buffer
unsigned frame_interface(void);  // its index
void frame_socket(void);         // opens `fd`: AF_PACKET, whole frames, receives nothing
void frame_bind(void);
void frame_pause(double deadline);

// The field that changes from frame to frame, in network byte order.
static inline void frame_count(uint8_t* bytes) {
  static uint32_t next;
  const uint32_t number = __builtin_bswap32(next++);
  __builtin_memcpy(bytes + options.counter, &number, sizeof(number));
}

static inline void frame_sent(void) {
  ++totals.sends;
  totals.bytes += options.size;
}

// Frames that were sent and have not come back, by slot: each id has to complete exactly once.
typedef struct Outstanding {
  uint64_t ids[kMaxSlots];  // plus 1; 0: none
  uint64_t next;
  uint32_t count;
} Outstanding;

static inline void outstanding_add(Outstanding* o, uint32_t slot) {
  if (o->ids[slot] != 0) ++totals.violations;
  o->ids[slot] = ++o->next;
  ++o->count;
}

static inline bool outstanding_end(Outstanding* o, uint64_t slot) {
  if (slot >= options.frames || o->ids[slot] == 0) {
    ++totals.violations;
    return false;
  }
  o->ids[slot] = 0;
  --o->count;
  ++totals.completed;
  return true;
}

// The operations of a ring that the loop uses.
typedef struct Ring {
  Outstanding* outstanding;
  void (*send)(void);    // puts one frame into the ring; there is room
  void (*kick)(void);    // has the kernel look at it
  size_t (*reap)(void);  // takes in what has come back
} Ring;

// Waits until no more than `most` frames are in flight. The kernel has no event for frames that
// come back, so the ring is polled by the clock, as in the library.
static inline void ring_wait(Ring ring, uint32_t most) {
  const double deadline = now() + kPatience / 1000.0;
  while (ring.outstanding->count > most) {
    ring.kick();
    if (ring.reap() == 0) frame_pause(deadline);
  }
}

// One kick and one reaping every 64 frames, as sendMany of as many has it. Always inlined, with
// functions that are known, so that a frame costs no indirect calls.
__attribute__((always_inline)) static inline void ring_send_until(Ring ring, double end) {
  do {
    if (ring.outstanding->count + kKickEvery > options.frames) {
      ring_wait(ring, options.frames - kKickEvery);
    }
    for (int i = 0; i < kKickEvery; ++i) {
      ring.send();
      frame_sent();
    }
    ring.kick();
    ring.reap();
  } while (now() < end);
}
