// A sender in C that asks for zero copy and reports what the kernel did. Tests of the rigs use it,
// since it is independent of the library.
//   probe tcp|udp HOST PORT --bytes N [--size N] [--segment N] [--seed N] [--any] [--inflight N]
//         [--control flip|swap|duplicate|gap] [--sndbuf N]
//   probe dump stream OFFSET LENGTH SEED | probe dump datagram SEQUENCE LENGTH SEED
// Sends the pattern of pattern.h with MSG_ZEROCOPY from a ring of buffers, refilling a buffer once
// its completion has come, and prints one JSON line. --control breaks the content on purpose.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "pattern.h"

#ifndef SOL_UDP
#define SOL_UDP 17
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum { kMaxInflight = 4096 };

static int fd;
static bool tcp;
static uint64_t total = 1 << 20;
static size_t size = 65536, segment;
static uint32_t seed = 1, inflight_limit = 16;
static const char* control = "";
static int sndbuf;
// Completions, by id; `done` holds the ids that came back ahead of the oldest one.
static uint32_t oldest, next_id;
static bool done[kMaxInflight];
static uint64_t zerocopied, copied, notifications, again, nobufs;

static void die(const char* what) {
  fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void complete(const struct sock_extended_err* e) {
  if (e->ee_origin != SO_EE_ORIGIN_ZEROCOPY) return;
  ++notifications;
  uint32_t count = e->ee_data - e->ee_info + 1;
  *(e->ee_code & SO_EE_CODE_ZEROCOPY_COPIED ? &copied : &zerocopied) += count;
  for (uint32_t i = 0; i < count; ++i) done[(e->ee_info + i) % kMaxInflight] = true;
  for (; oldest != next_id && done[oldest % kMaxInflight]; ++oldest) {
    done[oldest % kMaxInflight] = false;
  }
}

static bool reap(void) {
  char space[512];
  struct msghdr message = {.msg_control = space, .msg_controllen = sizeof(space)};
  if (recvmsg(fd, &message, MSG_ERRQUEUE) < 0) return false;
  for (struct cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
    complete((const struct sock_extended_err*)(const void*)CMSG_DATA(c));
  }
  return true;
}

static void wait_for(short events) {
  struct pollfd p = {.fd = fd, .events = events};
  int n = poll(&p, 1, 20000);
  if (n == 0) {
    fprintf(stderr, "probe: nothing happened for 20 s, %u ids outstanding\n", next_id - oldest);
    exit(1);
  }
  while (reap()) {
  }
}

static void send_all(const uint8_t* bytes, size_t length) {
  while (length > 0) {
    while (next_id - oldest >= inflight_limit) wait_for(0);
    ssize_t n = send(fd, bytes, length, MSG_ZEROCOPY | MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) {
      ++next_id;
      bytes += n;
      length -= (size_t)n;
    } else if (errno == EAGAIN) {
      ++again;
      wait_for(POLLOUT);
    } else if (errno == ENOBUFS) {
      ++nobufs;
      if (oldest != next_id) wait_for(0);
    } else if (errno != EINTR) {
      die("send");
    }
  }
}

// Fills one buffer for stream offset or first sequence `at`; returns the sequences used.
static uint64_t fill(uint8_t* out, size_t length, uint64_t at) {
  if (tcp) {
    stream_fill(out, length, at, seed);
    return 0;
  }
  uint64_t used = 0;
  size_t step = segment ? segment : length;
  for (size_t i = 0; i < length; i += step, ++used) {
    datagram_fill(out + i, length - i < step ? length - i : step, at + used, seed);
  }
  return used;
}

// Breaks the second buffer in the way that `control` says.
static void break_buffer(uint8_t* out, size_t length) {
  if (!strcmp(control, "flip")) out[length / 2 + 100] ^= 0x10;
  if (!strcmp(control, "swap")) {
    size_t half = length / 2 & ~(size_t)4095;
    uint8_t saved[1024];
    memcpy(saved, out + 1024, sizeof(saved));
    memcpy(out + 1024, out + half, sizeof(saved));
    memcpy(out + half, saved, sizeof(saved));
  }
}

static void connect_to(const char* host, const char* port) {
  struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(port))};
  bool v4 = inet_pton(AF_INET, host, &in4.sin_addr) == 1;
  if (!v4 && inet_pton(AF_INET6, host, &in6.sin6_addr) != 1) die("address");
  fd = socket(v4 ? AF_INET : AF_INET6, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
  int one = 1, segment_size = (int)segment;
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &one, 4) < 0) die("SO_ZEROCOPY");
  if (sndbuf && setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, 4) < 0) die("SO_SNDBUF");
  if (!tcp && segment && setsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment_size, 4) < 0) {
    die("UDP_SEGMENT");
  }
  const struct sockaddr* address = v4 ? (struct sockaddr*)&in4 : (struct sockaddr*)&in6;
  if (connect(fd, address, v4 ? sizeof(in4) : sizeof(in6)) < 0) die("connect");
}

static int dump(char** argv) {
  uint64_t at = strtoull(argv[3], NULL, 10);
  size_t length = strtoull(argv[4], NULL, 10);
  uint32_t s = (uint32_t)strtoull(argv[5], NULL, 10);
  uint8_t* out = malloc(length + 1);
  if (!out) die("malloc");
  if (!strcmp(argv[2], "stream")) {
    stream_fill(out, length, at, s);
  } else {
    datagram_fill(out, length, at, s);
  }
  return fwrite(out, 1, length, stdout) == length && fflush(stdout) == 0 ? 0 : 1;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(int argc, char** argv) {
  if (argc == 6 && !strcmp(argv[1], "dump")) return dump(argv);
  if (argc < 4) {
    fprintf(stderr, "usage: probe tcp|udp HOST PORT [options], see probe.c\n");
    return 2;
  }
  for (int i = 4; i + 1 < argc; i += 2) {
    const char* value = argv[i + 1];
    if (!strcmp(argv[i], "--bytes")) total = strtoull(value, NULL, 10);
    if (!strcmp(argv[i], "--size")) size = strtoull(value, NULL, 10);
    if (!strcmp(argv[i], "--segment")) segment = strtoull(value, NULL, 10);
    if (!strcmp(argv[i], "--seed")) seed = (uint32_t)strtoull(value, NULL, 10);
    if (!strcmp(argv[i], "--inflight")) inflight_limit = (uint32_t)strtoull(value, NULL, 10);
    if (!strcmp(argv[i], "--sndbuf")) sndbuf = atoi(value);
    if (!strcmp(argv[i], "--control")) control = value;
  }
  tcp = !strcmp(argv[1], "tcp");
  if (inflight_limit == 0 || inflight_limit >= kMaxInflight || size == 0) {
    fprintf(stderr, "probe: --inflight 1 to 4095, --size at least 1\n");
    return 2;
  }
  connect_to(argv[2], argv[3]);

  // A TCP buffer that went out in several pieces has several ids, so there are never more buffers
  // than ids outstanding: a ring one longer than the limit always has a free one.
  uint32_t count = inflight_limit + 1;
  uint8_t* ring =
      mmap(NULL, count * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (ring == MAP_FAILED) die("mmap");
  double start = now();
  uint64_t sent = 0, sequence = 0, buffers = 0;
  for (; sent < total; ++buffers) {
    while (next_id - oldest >= inflight_limit) wait_for(0);
    uint8_t* out = ring + buffers % count * size;
    size_t length = total - sent < size ? (size_t)(total - sent) : size;
    uint64_t used = fill(out, length, tcp ? sent : sequence);
    if (buffers == 1) break_buffer(out, length);
    bool twice = buffers == 1 && !strcmp(control, "duplicate");
    bool never = buffers == 1 && !strcmp(control, "gap");
    for (int i = never ? 1 : twice ? -1 : 0; i < 1; ++i) send_all(out, length);
    sequence += used;
    sent += length;
  }
  if (tcp) shutdown(fd, SHUT_WR);
  while (oldest != next_id) wait_for(0);
  printf("{\"sends\":%u,\"bytes\":%" PRIu64 ",\"datagrams\":%" PRIu64 ",\"zerocopied\":%" PRIu64
         ",\"copied\":%" PRIu64 ",\"notifications\":%" PRIu64 ",\"eagain\":%" PRIu64
         ",\"enobufs\":%" PRIu64 ",\"seconds\":%.6f}\n",
         next_id, sent, sequence, zerocopied, copied, notifications, again, nobufs, now() - start);
  return 0;
}
