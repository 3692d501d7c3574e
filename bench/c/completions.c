#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
// clang-format off: it uses struct timespec without declaring it
#include <linux/errqueue.h>
// clang-format on

#include "sender.h"

enum { kIds = 1 << 16, kNobody = UINT32_MAX };

typedef struct Send {
  uint32_t pending;  // kernel ids outstanding, and one more until all bytes were accepted
  bool copied;
  bool inlined;
} Send;

static Send sends[kMaxSlots];
static uint32_t owners[kIds];  // the slot that each kernel id was given for, or kNobody
static uint32_t next_id, outstanding;

// Slots of sends that were copied. They have completed, but go back with the next reaping, as in
// the library.
static uint32_t finished[kMaxSlots];
static uint32_t finished_count;

void begin_send(uint32_t slot) { sends[slot] = (Send){.pending = 1}; }

void add_piece(uint32_t slot, bool zerocopy) {
  if (!zerocopy) {
    sends[slot].inlined = true;
    return;
  }
  if (outstanding == kIds) die("more kernel ids outstanding than there is room for");
  ++sends[slot].pending;
  ++outstanding;
  owners[next_id++ % kIds] = slot;
}

static void complete(uint32_t slot) {
  ++totals.completed;
  const Send* send = &sends[slot];
  ++*(send->inlined ? &totals.inlined : send->copied ? &totals.copied : &totals.zerocopied);
  pool_put(slot);
}

void end_send(uint32_t slot) {
  if (--sends[slot].pending == 0) finished[finished_count++] = slot;
}

static void notify(const struct sock_extended_err* error) {
  if (error->ee_origin != SO_EE_ORIGIN_ZEROCOPY) return;
  ++totals.notifications;
  const uint32_t count = error->ee_data - error->ee_info + 1;
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t id = error->ee_info + i;
    uint32_t* owner = &owners[id % kIds];
    if (next_id - id - 1 >= kIds || *owner == kNobody) {
      ++totals.violations;
      continue;
    }
    const uint32_t slot = *owner;
    *owner = kNobody;
    --outstanding;
    if (error->ee_code & SO_EE_CODE_ZEROCOPY_COPIED) sends[slot].copied = true;
    if (--sends[slot].pending == 0) complete(slot);
  }
}

static void read_error_queue(void) {
  _Alignas(struct cmsghdr) uint8_t control[512];
  for (;;) {
    struct msghdr message = {.msg_control = control, .msg_controllen = sizeof(control)};
    if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    for (struct cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
      if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
          (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR)) {
        notify((const struct sock_extended_err*)(const void*)CMSG_DATA(c));
      }
    }
  }
}

size_t reap(void) {
  while (finished_count > 0) complete(finished[--finished_count]);
  if (outstanding == 0) return 0;
  const uint32_t before = outstanding;
  read_error_queue();
  return before - outstanding;
}
