// The least work with which a program can send with MSG_ZEROCOPY over UDP and know of every
// completion. It only counts, since here the kernel completes ids in order, and makes as many sends
// between two reapings as fit. What inet.c, which does what the library does, takes beyond this is
// bookkeeping.
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
// clang-format off: it uses struct timespec without declaring it
#include <linux/errqueue.h>
// clang-format on

#include "sender.h"

enum { kBurst = 64 };  // optmem_max leaves room for some 160 in flight

static uint32_t sent, completed;

static void reap_all(void) {
  const double deadline = now() + kPatience / 1000.0;
  _Alignas(struct cmsghdr) uint8_t control[128];
  while (completed != sent) {
    struct msghdr message = {.msg_control = control, .msg_controllen = sizeof(control)};
    if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
      if (now() > deadline) die("waiting for the kernel");
      continue;
    }
    const struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    const struct sock_extended_err* error =
        (const struct sock_extended_err*)(const void*)CMSG_DATA(header);
    if (error->ee_origin != SO_EE_ORIGIN_ZEROCOPY) continue;
    const uint32_t count = error->ee_data + 1 - error->ee_info;
    if (error->ee_info != completed) ++totals.violations;
    *(error->ee_code & SO_EE_CODE_ZEROCOPY_COPIED ? &totals.copied : &totals.zerocopied) += count;
    totals.completed += count;
    completed += count;
    ++totals.notifications;
  }
}

static void open_all(void) {
  pool_create(kBurst, kSlotBytes);
  open_socket();
}

static void send_until(double end) {
  const int flags = MSG_ZEROCOPY | MSG_DONTWAIT | MSG_NOSIGNAL;
  do {
    for (uint32_t i = 0; i < kBurst;) {
      if (sendto(fd, pool_bytes(i), options.size, flags, NULL, 0) >= 0) {
        ++sent;
        ++i;
      } else if (errno == ENOBUFS || errno == EAGAIN) {
        reap_all();
      } else {
        die("sendto");
      }
    }
    totals.sends += kBurst;
    totals.bytes += (uint64_t)kBurst * options.size;
    reap_all();
  } while (now() < end);
}

static void settle(void) {}

const Engine tight_engine = {open_all, send_until, settle};
