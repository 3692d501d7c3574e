#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
// clang-format off: it uses struct timespec without declaring it
#include <linux/errqueue.h>
// clang-format on

#include "sender.h"

enum { kIds = 1 << 16, kIdsOfMany = 1 << 9, kEvents = 64, kNobody = UINT32_MAX };

typedef struct Send {
  uint32_t pending;  // kernel ids outstanding, and one more until all bytes were accepted
  bool copied;
  bool inlined;
} Send;

// Each socket has kernel ids of its own. Of many, each has few in flight.
typedef struct Ids {
  uint32_t* owners;  // the slot that each kernel id was given for, or kNobody
  uint32_t next, outstanding;
  int fd;
  bool in_line;
} Ids;

static Send sends[kMaxSlots];
static Ids sockets[kMaxSockets];
static Ids* current = sockets;
static uint32_t room;  // kernel ids that one socket may have outstanding

// Sockets whose notifications are to be read, in the order in which they have sent; of several.
static Ids* line[kMaxSockets];
static uint32_t line_begin, line_length;
static int epoll_fd = -1;  // tells which sockets have notifications, in place of the line

// Slots of sends that were copied. They have completed, but go back with the next reaping, as in
// the library.
static uint32_t finished[kMaxSlots];
static uint32_t finished_count;

void add_socket(uint32_t number) {
  room = options.sockets > 1 ? kIdsOfMany : kIds;
  sockets[number] = (Ids){.owners = calloc(room, sizeof(uint32_t)), .fd = fd};
  if (!sockets[number].owners) die("calloc");
  if (!options.epoll || options.copy) return;
  if (epoll_fd < 0) epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.data.ptr = &sockets[number]};  // EPOLLERR comes without asking
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
}

void use_socket(uint32_t number) {
  current = &sockets[number];
  fd = current->fd;
}

static void join_line(Ids* ids) {
  if (ids->in_line) return;
  ids->in_line = true;
  line[(line_begin + line_length++) % kMaxSockets] = ids;
}

void begin_send(uint32_t slot) { sends[slot] = (Send){.pending = 1}; }

void add_piece(uint32_t slot, bool zerocopy) {
  if (!zerocopy) {
    sends[slot].inlined = true;
    return;
  }
  if (current->outstanding == room) die("more kernel ids outstanding than there is room for");
  ++sends[slot].pending;
  ++current->outstanding;
  current->owners[current->next++ % room] = slot;
  if (options.sockets > 1 && epoll_fd < 0) join_line(current);
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

static void notify(Ids* ids, const struct sock_extended_err* error) {
  if (error->ee_origin != SO_EE_ORIGIN_ZEROCOPY) return;
  ++totals.notifications;
  const uint32_t count = error->ee_data - error->ee_info + 1;
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t id = error->ee_info + i;
    uint32_t* owner = &ids->owners[id % room];
    if (ids->next - id - 1 >= room || *owner == kNobody) {
      ++totals.violations;
      continue;
    }
    const uint32_t slot = *owner;
    *owner = kNobody;
    --ids->outstanding;
    if (error->ee_code & SO_EE_CODE_ZEROCOPY_COPIED) sends[slot].copied = true;
    if (--sends[slot].pending == 0) complete(slot);
  }
}

// Reads it until it is empty. Of many sockets, each call that finds it empty would be one more for
// each send, so reading ends there when nothing is outstanding.
static size_t read_error_queue(Ids* ids) {
  _Alignas(struct cmsghdr) uint8_t control[512];
  const uint32_t before = ids->outstanding;
  for (;;) {
    struct msghdr message = {.msg_control = control, .msg_controllen = sizeof(control)};
    if (recvmsg(ids->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
      if (errno == EINTR) continue;
      break;
    }
    for (struct cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
      if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
          (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR)) {
        notify(ids, (const struct sock_extended_err*)(const void*)CMSG_DATA(c));
      }
    }
    if (options.sockets > 1 && ids->outstanding == 0) break;
  }
  return before - ids->outstanding;
}

static size_t read_ready(void) {
  struct epoll_event events[kEvents];
  size_t count = 0;
  int ready;
  do {
    ready = epoll_wait(epoll_fd, events, kEvents, 0);
    for (int i = 0; i < ready; ++i) count += read_error_queue(events[i].data.ptr);
  } while (ready == kEvents);
  return count;
}

static size_t read_line(void) {
  size_t count = 0;
  for (uint32_t left = line_length; left > 0; --left) {
    Ids* const ids = line[line_begin];
    line_begin = (line_begin + 1) % kMaxSockets;
    --line_length;
    ids->in_line = false;
    count += read_error_queue(ids);
    if (ids->outstanding > 0) join_line(ids);
  }
  return count;
}

size_t reap(void) {
  while (finished_count > 0) complete(finished[--finished_count]);
  if (epoll_fd >= 0) return read_ready();
  if (options.sockets > 1) return read_line();
  return current->outstanding > 0 ? read_error_queue(current) : 0;
}
