// TCP and UDP: the loop of js/zerosend.mjs.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "sender.h"

static void wait_for(short events) {
  struct pollfd p = {.fd = fd, .events = events};
  const int ready = poll(&p, 1, kPatience);
  if (ready == 0) errno = ETIMEDOUT;
  if (ready == 0 || (ready < 0 && errno != EINTR)) die("waiting for the kernel");
}

// One socket after the other.
static void next_socket(void) {
  static uint32_t next;
  use_socket(next);
  if (++next == options.sockets) next = 0;
}

static uint32_t acquire(void) {
  if (pool_dry()) {
    reap();
    while (pool_dry()) {
      wait_for(0);
      reap();
    }
  }
  return pool_take();
}

static int flags_of(bool zerocopy) {
  return MSG_DONTWAIT | MSG_NOSIGNAL | (zerocopy ? MSG_ZEROCOPY : 0);
}

static ssize_t transmit(uint8_t* bytes, size_t size, int flags) {
  if (options.sendto) return sendto(fd, bytes, size, flags, NULL, 0);
  struct iovec part = {bytes, size};
  const struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  return sendmsg(fd, &message, flags);
}

static void send_slot(uint32_t slot) {
  bool zerocopy = !options.copy;
  size_t offset = 0;
  begin_send(slot);
  while (offset < options.size) {
    const ssize_t accepted =
        transmit(pool_bytes(slot) + offset, options.size - offset, flags_of(zerocopy));
    if (accepted >= 0) {
      add_piece(slot, zerocopy);
      offset += (size_t)accepted;
    } else if (errno == ENOBUFS && zerocopy) {
      if (reap() == 0) zerocopy = false;
    } else if (errno == EAGAIN || errno == ENOBUFS) {
      reap();
      wait_for(POLLOUT);
    } else if (errno != EINTR) {
      die("sendmsg");
    }
  }
  end_send(slot);
  ++totals.sends;
  totals.bytes += options.size;
}

// Datagrams are accepted whole or not at all.
static void send_batch(void) {
  static uint32_t slots[kMaxBatch];
  static struct iovec parts[kMaxBatch];
  static struct mmsghdr messages[kMaxBatch];
  for (uint32_t i = 0; i < options.batch; ++i) {
    slots[i] = acquire();
    parts[i] = (struct iovec){pool_bytes(slots[i]), options.size};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
  }
  uint32_t done = 0;
  while (done < options.batch) {
    const int accepted =
        sendmmsg(fd, messages + done, options.batch - done, flags_of(!options.copy));
    if (accepted <= 0) {
      send_slot(slots[done++]);  // knows what each error asks for
      continue;
    }
    for (int i = 0; i < accepted; ++i) {
      const uint32_t slot = slots[done++];
      begin_send(slot);
      add_piece(slot, !options.copy);
      end_send(slot);
      ++totals.sends;
      totals.bytes += options.size;
    }
  }
}

// Reads the clock every 64 sends and reaps every 16, as the JavaScript loops do.
static void send_until(double end) {
  do {
    for (uint32_t sent = 0; sent < kClockEvery;) {
      if (options.batch == 1) {
        if (options.sockets > 1) next_socket();
        const uint32_t slot = acquire();
        pool_fill(slot);
        send_slot(slot);
        // Of many sockets, those that have sent lately are in a cache still.
        if (++sent % kReapEvery == 0 && !options.late) reap();
      } else {
        send_batch();
        sent += options.batch;
        reap();
      }
    }
  } while (now() < end);
}

static void wait_for_all(void) {
  reap();
  while (!pool_complete()) {
    wait_for(0);
    reap();
  }
}

// Data that a copying send leaves in the socket's buffer would be sent during the next program's
// turn, and at its cost.
static void wait_for_acknowledgement(void) {
  const struct timespec pause = {.tv_nsec = 1000000};
  const double deadline = now() + kPatience / 1000.0;
  int queued = 0;
  while (ioctl(fd, SIOCOUTQ, &queued) == 0 && queued > 0) {
    errno = ETIMEDOUT;
    if (now() > deadline) die("waiting for the peer");
    nanosleep(&pause, NULL);
  }
}

static void settle(void) {
  wait_for_all();
  if (options.tcp && options.buffers) wait_for_acknowledgement();
}

static void open_all(void) {
  const size_t page = 4096;
  if (options.buffers) {
    pool_create(options.buffers > kMinSlots ? options.buffers : kMinSlots,
                (options.size + page - 1) / page * page);
  } else {
    pool_create(options.slots ? options.slots : kSlots, options.slots ? page : kSlotBytes);
  }
  for (uint32_t i = 0; i < options.sockets; ++i) {
    open_socket();
    add_socket(i);
  }
}

const Engine inet_engine = {open_all, send_until, settle};
