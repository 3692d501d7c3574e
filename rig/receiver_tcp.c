// The TCP part: connections, their checks, and the actions on them.
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "receiver.h"

// "ZSP1" and the seed, both little-endian, in place of the first 8 bytes of an announced stream.
enum { kAnnouncementBytes = 8, kAnnouncementMagic = 0x3150535A };

typedef struct {
  int fd;  // -1 once closed; the record stays for the report
  int id;
  int epoll;
  uint32_t seed;
  uint8_t announcement[kAnnouncementBytes];
  uint64_t received, wrong, sent, to_send;
  bool eof, reset, half_closed, stopped, resumed;
} Connection;

static Connection** connections;
static int connection_count;
static uint8_t buffer[kReadBytes];

static void watch(Connection* c) {
  struct epoll_event event = {.data.ptr = c};
  if (!c->eof && !c->stopped) event.events |= EPOLLIN;
  if (c->to_send > 0) event.events |= EPOLLOUT;
  epoll_ctl(c->epoll, EPOLL_CTL_MOD, c->fd, &event);
}

static void close_connection(Connection* c) {
  close(c->fd);
  c->fd = -1;
  totals.open--;
}

static void reset_connection(Connection* c) {
  struct linger abortive = {.l_onoff = 1, .l_linger = 0};
  setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &abortive, sizeof(abortive));
  totals.resets_sent++;
  close_connection(c);
}

static void half_close(Connection* c) {
  if (c->half_closed) return;
  c->half_closed = true;
  c->to_send = 0;
  shutdown(c->fd, SHUT_WR);
}

void tcp_accept(int listener, int epoll) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    if ((connection_count & (connection_count - 1)) == 0) {
      size_t capacity = connection_count ? 2 * (size_t)connection_count : 1;
      connections = realloc(connections, capacity * sizeof(*connections));
      if (!connections) abort();
    }
    Connection* c = calloc(1, sizeof(*c));
    if (!c) abort();
    c->fd = fd;
    c->epoll = epoll;
    c->id = connection_count;
    c->seed = options.seed;
    connections[connection_count++] = c;
    totals.accepted++;
    totals.open++;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  }
}

static void check_magic(Connection* c) {
  static const uint32_t magic = kAnnouncementMagic;
  PatternCheck check = {0};
  for (int i = 0; i < 4; ++i) {
    uint8_t expected = (uint8_t)(magic >> (8 * i));
    if (c->announcement[i] == expected) continue;
    if (check.wrong++ == 0) {
      check.first_offset = (uint64_t)i;
      check.expected = expected;
      check.actual = c->announcement[i];
    }
  }
  memcpy(&c->seed, c->announcement + 4, 4);
  c->wrong += check.wrong;
  note_wrong(&check, c->id);
}

static void check_bytes(Connection* c, const uint8_t* in, size_t length) {
  uint64_t offset = c->received;
  while (options.any_seed && offset < kAnnouncementBytes && length > 0) {
    c->announcement[offset++] = *in++;
    --length;
    if (offset == kAnnouncementBytes) check_magic(c);
  }
  if (length == 0) return;
  PatternCheck check = {0};
  stream_verify(in, length, offset, c->seed, &check);
  c->wrong += check.wrong;
  note_wrong(&check, c->id);
}

static void send_more(Connection* c) {
  static uint8_t out[65536];
  while (c->to_send > 0) {
    size_t length = c->to_send < sizeof(out) ? (size_t)c->to_send : sizeof(out);
    stream_fill(out, length, c->sent, c->seed);
    ssize_t n = send(c->fd, out, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) {
      if (errno != EAGAIN && errno != EINTR) c->to_send = 0;
      break;
    }
    c->sent += (uint64_t)n;
    c->to_send -= (uint64_t)n;
    totals.sent_bytes += (uint64_t)n;
  }
}

// How many bytes of a connection may be read before its next action is due.
static size_t until_action(const Connection* c, size_t length) {
  const uint64_t limits[] = {options.reset_after, options.half_close_after, options.stop_after};
  for (int i = 0; i < 3; ++i) {
    if (limits[i] > c->received && limits[i] - c->received < length) {
      length = (size_t)(limits[i] - c->received);
    }
  }
  return length;
}

// Returns false when the connection is gone, or must not be read any more for now.
static bool read_once(Connection* c) {
  size_t wanted = until_action(c, read_allowance(sizeof(buffer)));
  // With MSG_TRUNC, TCP throws the bytes away without copying them.
  int flags = options.check ? MSG_DONTWAIT : MSG_DONTWAIT | MSG_TRUNC;
  ssize_t n = recv(c->fd, buffer, wanted, flags);
  if (n < 0) {
    if (errno == EAGAIN || errno == EINTR) return false;
    c->reset = true;
    totals.resets++;
    close_connection(c);
    return false;
  }
  if (n == 0) {
    c->eof = true;
    totals.eof++;
    if (c->to_send == 0 && !options.keep_open) {
      close_connection(c);
    } else {
      watch(c);
    }
    return false;
  }
  if (options.check) check_bytes(c, buffer, (size_t)n);
  c->received += (uint64_t)n;
  totals.bytes += (uint64_t)n;
  bool dry = spend_allowance((size_t)n);
  if (c->received == options.reset_after) {
    reset_connection(c);
    return false;
  }
  if (c->received == options.half_close_after) half_close(c);
  if (c->received == options.stop_after && !c->resumed) {
    c->stopped = true;
    watch(c);
    return false;
  }
  return !dry && (size_t)n == wanted;
}

void tcp_event(void* connection, uint32_t events) {
  Connection* c = connection;
  if (c->fd < 0) return;
  if (events & EPOLLOUT) {
    send_more(c);
    if (c->to_send == 0 && c->eof && !options.keep_open) {
      close_connection(c);
      return;
    }
    watch(c);
  }
  if (events & (EPOLLERR | EPOLLHUP) && (c->stopped || c->eof)) {
    // The connection is not read any more, so its error is read here; otherwise epoll would report
    // it again and again.
    int error = 0;
    socklen_t size = sizeof(error);
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    c->reset = error != 0;
    totals.resets += error != 0;
    close_connection(c);
    return;
  }
  // Bounded, so that one fast connection does not starve the others.
  for (int i = 0; i < 16 && events & (EPOLLIN | EPOLLERR | EPOLLHUP) && read_once(c); ++i) {
  }
}

void tcp_resume_all(void) {
  for (int i = 0; i < connection_count; ++i) {
    connections[i]->resumed = true;  // also one that is still to stop
    if (connections[i]->fd < 0 || !connections[i]->stopped) continue;
    connections[i]->stopped = false;
    watch(connections[i]);
  }
}

void tcp_reset_all(void) {
  for (int i = 0; i < connection_count; ++i) {
    if (connections[i]->fd >= 0) reset_connection(connections[i]);
  }
}

void tcp_half_close_all(void) {
  for (int i = 0; i < connection_count; ++i) {
    if (connections[i]->fd >= 0) half_close(connections[i]);
  }
}

void tcp_close_all(void) {
  for (int i = 0; i < connection_count; ++i) {
    if (connections[i]->fd >= 0) close_connection(connections[i]);
  }
}

void tcp_send_all(uint64_t bytes) {
  for (int i = 0; i < connection_count; ++i) {
    Connection* c = connections[i];
    if (c->fd < 0 || c->half_closed) continue;
    c->to_send += bytes;
    watch(c);
  }
}

void tcp_print_connections(void) {
  for (int i = 0; i < connection_count; ++i) {
    const Connection* c = connections[i];
    const char* state = c->reset ? "reset" : c->fd >= 0 ? "open" : "closed";
    printf("%s{\"id\":%d,\"state\":\"%s\",\"seed\":%u,\"bytes\":%" PRIu64 ",\"wrongBytes\":%" PRIu64
           ",\"sentBytes\":%" PRIu64 ",\"eof\":%s}",
           i ? "," : "", c->id, state, c->seed, c->received, c->wrong, c->sent,
           c->eof ? "true" : "false");
  }
}
