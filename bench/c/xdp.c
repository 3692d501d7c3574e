// AF_XDP in copy mode, transmit only: the same rings, chunks and order as the library's
// (native/sockets/rings/xdp_open.cc, native/sockets/rings/xdp_socket.cc).
#include <errno.h>
#include <linux/if_xdp.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "frame.h"

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SOL_XDP
#define SOL_XDP 283
#endif

enum { kChunk = 2048, kFillRing = 64 };

typedef struct Queue {
  uint32_t* producer;
  uint32_t* consumer;
  void* entries;
} Queue;

static Outstanding outstanding;
static Queue transmit, completion;
static uint32_t mask, produced, consumed;

static Queue map(uint64_t offset, const struct xdp_ring_offset* at, size_t entry) {
  const size_t size = at->desc + options.frames * entry;
  uint8_t* base =
      mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, (off_t)offset);
  if (base == MAP_FAILED) die("mmap");
  return (Queue){(uint32_t*)(void*)(base + at->producer), (uint32_t*)(void*)(base + at->consumer),
                 base + at->desc};
}

static void open_xdp(void) {
  if (options.frames & (options.frames - 1) || frame_bytes() > kChunk) usage();
  mask = options.frames - 1;
  pool_create(options.frames, kChunk);
  for (uint32_t slot = 0; slot < options.frames; ++slot) frame_lay(pool_bytes(slot));
  fd = socket(AF_XDP, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  const struct xdp_umem_reg memory = {.addr = (uintptr_t)pool_bytes(0),
                                      .len = (uint64_t)options.frames * kChunk,
                                      .chunk_size = kChunk};
  if (setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &memory, sizeof(memory)) != 0) die("XDP_UMEM_REG");
  const int size = (int)options.frames;
  set_option(SOL_XDP, XDP_UMEM_FILL_RING, kFillRing, "XDP_UMEM_FILL_RING");
  set_option(SOL_XDP, XDP_UMEM_COMPLETION_RING, size, "XDP_UMEM_COMPLETION_RING");
  set_option(SOL_XDP, XDP_TX_RING, size, "XDP_TX_RING");
  struct xdp_mmap_offsets at;
  socklen_t length = sizeof(at);
  if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &at, &length) != 0) die("XDP_MMAP_OFFSETS");
  completion = map(XDP_UMEM_PGOFF_COMPLETION_RING, &at.cr, sizeof(uint64_t));
  transmit = map(XDP_PGOFF_TX_RING, &at.tx, sizeof(struct xdp_desc));
  const struct sockaddr_xdp address = {.sxdp_family = AF_XDP,
                                       .sxdp_ifindex = frame_interface(),
                                       .sxdp_flags = XDP_COPY | XDP_USE_NEED_WAKEUP};
  if (bind(fd, (const struct sockaddr*)&address, sizeof(address)) != 0) die("bind");
}

static void send_one(void) {
  const uint32_t slot = pool_take();
  frame_count(pool_bytes(slot));
  struct xdp_desc* descriptor = (struct xdp_desc*)transmit.entries + (produced & mask);
  *descriptor = (struct xdp_desc){.addr = (uint64_t)slot * kChunk, .len = frame_bytes()};
  outstanding_add(&outstanding, slot);
  __atomic_store_n(transmit.producer, ++produced, __ATOMIC_RELEASE);
}

static size_t reap_completions(void) {
  const uint32_t end = __atomic_load_n(completion.producer, __ATOMIC_ACQUIRE);
  size_t count = 0;
  for (; consumed != end; ++consumed) {
    const uint64_t slot = ((const uint64_t*)completion.entries)[consumed & mask] / kChunk;
    if (!outstanding_end(&outstanding, slot)) continue;
    ++totals.copied;
    pool_put((uint32_t)slot);
    ++count;
  }
  __atomic_store_n(completion.consumer, consumed, __ATOMIC_RELEASE);
  if (count > 0) ++totals.notifications;
  return count;
}

// One call works off 32 descriptors in copy mode; EAGAIN says that there are more.
static void kick(void) {
  while (produced != __atomic_load_n(transmit.consumer, __ATOMIC_ACQUIRE)) {
    if (sendto(fd, NULL, 0, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0) >= 0) continue;
    if (errno != EAGAIN && errno != EBUSY && errno != ENOBUFS && errno != EINTR) die("send");
    if (reap_completions() == 0) return;
  }
}

static const Ring self = {&outstanding, send_one, kick, reap_completions};

static void send_until(double end) { ring_send_until(self, end); }

static void settle(void) { ring_wait(self, 0); }

const Engine xdp_engine = {open_xdp, send_until, settle};
