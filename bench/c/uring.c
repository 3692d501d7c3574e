// UDP by io_uring's SEND_ZC, by its system calls alone: a batch of sends a call, from memory that
// is registered once, and two entries of the completion queue for each send, the second of which
// says that the memory is free.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sender.h"

#if __has_include(<linux/io_uring.h>)
#include <linux/io_uring.h>
#endif

_Noreturn static void refuse(const char* what) {
  printf("refused: %s: %s\n", what, strerror(errno));
  exit(0);
}

#ifdef IORING_RECVSEND_FIXED_BUF

#ifndef IORING_SEND_ZC_REPORT_USAGE  // Linux 6.2
#define IORING_SEND_ZC_REPORT_USAGE (1U << 3)
#define IORING_NOTIF_USAGE_ZC_COPIED (1U << 31)
#endif

enum { kEntries = 256 };

static int ring = -1;
static struct io_uring_sqe* entries;
static struct io_uring_cqe* completions;
static uint32_t *sq_tail, *sq_array, *cq_head, *cq_tail;
static uint32_t sq_mask, cq_mask, queued, outstanding;

static uint8_t* map(size_t size, uint64_t offset) {
  uint8_t* memory =
      mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, (off_t)offset);
  if (memory == MAP_FAILED) die("mmap of io_uring");
  return memory;
}

static void open_ring(void) {
  struct io_uring_params p = {0};
#ifdef IORING_SETUP_DEFER_TASKRUN
  p.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
#endif
  ring = (int)syscall(SYS_io_uring_setup, kEntries, &p);
  if (ring < 0 && errno == EINVAL) {
    p = (struct io_uring_params){0};
    ring = (int)syscall(SYS_io_uring_setup, kEntries, &p);
  }
  if (ring < 0) refuse("io_uring_setup");
  uint8_t* sq = map(p.sq_off.array + p.sq_entries * sizeof(uint32_t), IORING_OFF_SQ_RING);
  uint8_t* cq = map(p.cq_off.cqes + p.cq_entries * sizeof(*completions), IORING_OFF_CQ_RING);
  entries = (void*)map(p.sq_entries * sizeof(*entries), IORING_OFF_SQES);
  sq_tail = (void*)(sq + p.sq_off.tail);
  sq_array = (void*)(sq + p.sq_off.array);
  sq_mask = p.sq_entries - 1;
  cq_head = (void*)(cq + p.cq_off.head);
  cq_tail = (void*)(cq + p.cq_off.tail);
  completions = (void*)(cq + p.cq_off.cqes);
  cq_mask = p.cq_entries - 1;
  const struct iovec memory = {pool_bytes(0), (size_t)kSlots * kSlotBytes};
  if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, &memory, 1) != 0) {
    refuse("IORING_REGISTER_BUFFERS");
  }
}

static void open_all(void) {
  pool_create(kSlots, kSlotBytes);
  open_socket();
  open_ring();
}

static void put(uint32_t slot) {
  const uint32_t at = *sq_tail & sq_mask;
  entries[at] = (struct io_uring_sqe){
      .opcode = IORING_OP_SEND_ZC,
      .ioprio = IORING_RECVSEND_FIXED_BUF | IORING_SEND_ZC_REPORT_USAGE,
      .fd = fd,
      .addr = (uintptr_t)pool_bytes(slot),
      .len = options.size,
      .msg_flags = MSG_NOSIGNAL,
      .user_data = slot,
  };
  sq_array[at] = at;
  __atomic_store_n(sq_tail, *sq_tail + 1, __ATOMIC_RELEASE);
  ++queued;
  ++outstanding;
  ++totals.sends;
  totals.bytes += options.size;
}

// Submits what is queued, and waits until `least` completions are there.
static void enter(uint32_t least) {
  while (queued > 0 || least > 0) {
    const long taken =
        syscall(SYS_io_uring_enter, ring, queued, least, IORING_ENTER_GETEVENTS, NULL, 0);
    if (taken < 0 && errno != EINTR && errno != EAGAIN && errno != EBUSY) die("io_uring_enter");
    if (taken >= 0) queued -= (uint32_t)taken;
    if (taken >= 0) least = 0;
  }
}

static void take_completions(void) {
  const uint32_t end = __atomic_load_n(cq_tail, __ATOMIC_ACQUIRE);
  uint32_t at = *cq_head;
  for (; at != end; ++at) {
    const struct io_uring_cqe* c = &completions[at & cq_mask];
    if (!(c->flags & IORING_CQE_F_NOTIF)) {
      errno = -c->res;
      if (c->res == -EINVAL && totals.completed == 0) refuse("IORING_OP_SEND_ZC");
      if (c->res != (int)options.size || !(c->flags & IORING_CQE_F_MORE)) die("SEND_ZC");
      continue;
    }
    const bool copied = (uint32_t)c->res & IORING_NOTIF_USAGE_ZC_COPIED;
    ++*(copied ? &totals.copied : &totals.zerocopied);
    ++totals.completed;
    ++totals.notifications;
    --outstanding;
    pool_put((uint32_t)c->user_data);
  }
  __atomic_store_n(cq_head, at, __ATOMIC_RELEASE);
}

static void send_until(double end) {
  do {
    for (uint32_t sent = 0; sent < kClockEvery; sent += options.batch) {
      // Twice as many completions as sends have to find room in the queue.
      while (pool_dry() || outstanding + options.batch > kEntries / 2) {
        enter(1);
        take_completions();
      }
      for (uint32_t i = 0; i < options.batch && !pool_dry(); ++i) put(pool_take());
      enter(0);
      take_completions();
    }
  } while (now() < end);
}

static void settle(void) {
  while (outstanding > 0) {
    enter(1);
    take_completions();
  }
}

#else

static void open_all(void) {
  errno = ENOSYS;
  refuse("linux/io_uring.h");
}
static void send_until(double end) { (void)end; }
static void settle(void) {}

#endif

const Engine uring_engine = {open_all, send_until, settle};
