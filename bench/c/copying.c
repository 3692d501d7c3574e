// The program that the transmit ring is compared with: send(2) on the same kind of socket, which
// copies. It uses its buffers in turn: few stay in the cache, many do not.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/net_tstamp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "frame.h"

// Packet sockets have no SO_ZEROCOPY (EOPNOTSUPP), and so no notifications. They can put a
// timestamp for each frame on the error queue (SO_TIMESTAMPING): reading these costs as much as
// reading notifications. The kernel does not merge them.
static void ask_for_notifications(void) {
  const int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)) == 0) {
    fprintf(stderr, "sender: packet sockets know SO_ZEROCOPY by now: have this use it\n");
    exit(1);
  }
  if (errno != EOPNOTSUPP) die("SO_ZEROCOPY");
  const int stamps = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE |
                     SOF_TIMESTAMPING_OPT_TSONLY | SOF_TIMESTAMPING_OPT_ID;
  set_option(SOL_SOCKET, SO_TIMESTAMPING, stamps, "SO_TIMESTAMPING");
}

static void read_notifications(uint32_t count) {
  static _Alignas(struct cmsghdr) uint8_t control[kMaxBatch][256];
  static struct mmsghdr messages[kMaxBatch];
  const double deadline = now() + kPatience / 1000.0;
  while (count > 0) {
    for (uint32_t i = 0; i < count; ++i) {
      messages[i].msg_hdr =
          (struct msghdr){.msg_control = control[i], .msg_controllen = sizeof(control[i])};
    }
    const int read = recvmmsg(fd, messages, count, MSG_ERRQUEUE | MSG_DONTWAIT, NULL);
    if (read <= 0) {
      frame_pause(deadline);
      continue;
    }
    totals.notifications += (uint64_t)read;
    count -= (uint32_t)read;
  }
}

static void open_all(void) {
  options.rotate = true;
  if (frame_bytes() > kSlotBytes) usage();
  pool_create(options.frames, kSlotBytes);
  for (uint32_t slot = 0; slot < options.frames; ++slot) frame_lay(pool_bytes(slot));
  frame_socket();
  set_option(SOL_SOCKET, SO_SNDBUF, kSendBuffer, "SO_SNDBUF");
  if (options.notify > 0) ask_for_notifications();
  frame_bind();
}

static void send_one(void) {
  double deadline = 0;
  const uint32_t slot = pool_take();
  uint8_t* bytes = pool_bytes(slot);
  if (options.counter != UINT32_MAX) frame_count(bytes);
  while (send(fd, bytes, frame_bytes(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
    if (errno != EAGAIN && errno != ENOBUFS && errno != EINTR) die("send");
    if (deadline == 0) deadline = now() + kPatience / 1000.0;
    frame_pause(deadline);
  }
  pool_put(slot);
  frame_sent();
  ++totals.completed;
  ++totals.inlined;
}

static void send_until(double end) {
  uint32_t unread = 0;
  do {
    for (int i = 0; i < kClockEvery; ++i) {
      send_one();
      if (options.notify == 0 || ++unread < options.notify) continue;
      read_notifications(unread);
      unread = 0;
    }
  } while (now() < end);
  read_notifications(unread);
}

static void settle(void) {}

const Engine copying_engine = {open_all, send_until, settle};
