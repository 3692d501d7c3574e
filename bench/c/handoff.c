// What lib/ does with `submit: 'thread'`, without JavaScript: one thread fills buffers and
// publishes them, another one makes the system calls and gives back what has completed. Both spin.
// UDP.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#include "sender.h"

enum { kRing = 4096 /* more than there are slots */, kMost = 8 /* messages of one call */ };

// Slots in order, written by one thread and read by another. Positions count without end.
typedef struct Ring {
  _Alignas(64) atomic_uint tail;
  _Alignas(64) atomic_uint head;
  uint32_t slots[kRing];
} Ring;

static Ring published, given_back;
static atomic_bool ended;
static uint32_t count;

static void ring_put(Ring* ring, uint32_t slot) {
  const uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
  ring->slots[tail % kRing] = slot;
  atomic_store(&ring->tail, tail + 1);
}

static uint32_t ring_size(Ring* ring) {
  return atomic_load(&ring->tail) - atomic_load_explicit(&ring->head, memory_order_relaxed);
}

static uint32_t ring_at(const Ring* ring, uint32_t i) {
  return ring->slots[(atomic_load_explicit(&ring->head, memory_order_relaxed) + i) % kRing];
}

static void ring_drop(Ring* ring, uint32_t number) { atomic_fetch_add(&ring->head, number); }

// ---- the thread that sends, which alone uses completions.c and its pool
// ---------------------------

static void give_back(void) {
  reap();
  while (!pool_dry()) ring_put(&given_back, pool_take());
}

static uint32_t send_some(uint32_t number) {
  struct iovec parts[kMost];
  struct mmsghdr messages[kMost];
  memset(messages, 0, sizeof(messages));
  for (uint32_t i = 0; i < number; ++i) {
    parts[i] = (struct iovec){pool_bytes(ring_at(&published, i)), options.size};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
  }
  const int sent = sendmmsg(fd, messages, number, MSG_ZEROCOPY | MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && errno != ENOBUFS && errno != EAGAIN) die("sendmmsg");
  for (int i = 0; i < sent; ++i) {
    const uint32_t slot = ring_at(&published, (uint32_t)i);
    begin_send(slot);
    add_piece(slot, true);
    end_send(slot);
    ++totals.sends;
    totals.bytes += options.size;
  }
  if (sent > 0) ring_drop(&published, (uint32_t)sent);
  return sent > 0 ? (uint32_t)sent : 0;
}

static void* send_published(void* unused) {
  while (!atomic_load(&ended) || ring_size(&published) > 0) {
    const uint32_t waiting = ring_size(&published);
    if (waiting > 0) send_some(waiting < kMost ? waiting : kMost);
    give_back();
  }
  while (ring_size(&given_back) < count) give_back();
  return unused;
}

// ---- the thread that fills
// ------------------------------------------------------------------------

static void open_all(void) {
  count = options.slots ? options.slots : kReapEvery;
  if (count > kRing) usage();
  pool_create(count, kSlotBytes);
  open_socket();
  add_socket(0);
}

static void send_until(double end) {
  pthread_t thread;
  atomic_store(&ended, false);
  while (ring_size(&given_back) > 0) ring_drop(&given_back, 1);
  for (uint32_t slot = 0; slot < count; ++slot) ring_put(&given_back, slot);
  while (!pool_dry()) pool_take();
  errno = pthread_create(&thread, NULL, send_published, NULL);
  if (errno != 0) die("pthread_create");
  uint32_t filled = 0;
  do {
    for (uint32_t i = 0; i < kClockEvery && ring_size(&given_back) > 0; ++i, ++filled) {
      const uint32_t slot = ring_at(&given_back, 0);
      ring_drop(&given_back, 1);
      pool_fill(slot);
      ring_put(&published, slot);
    }
  } while (now() < end);
  atomic_store(&ended, true);
  pthread_join(thread, NULL);
  if (totals.sends != filled) ++totals.violations;
}

static void settle(void) {}

const Engine handoff_engine = {open_all, send_until, settle};
