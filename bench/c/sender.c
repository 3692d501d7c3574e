// Sends for as long as it is told to, and says what became of it.
//   stdin   one line a run: its length in milliseconds
//   stdout  "ready", then one line of JSON for each run
// Everything that a run sends has completed when its line is printed, and counts in its time.
#define _GNU_SOURCE
#include "sender.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { kPatience = 10000 /* ms */, kClockEvery = 64 };

Totals totals;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double seconds_of(struct timeval t) { return (double)t.tv_sec + (double)t.tv_usec / 1e6; }

static void wait_for(short events) {
  struct pollfd p = {.fd = fd, .events = events};
  const int ready = poll(&p, 1, kPatience);
  if (ready == 0) errno = ETIMEDOUT;
  if (ready == 0 || (ready < 0 && errno != EINTR)) die("waiting for the kernel");
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

static void send_slot(uint32_t slot) {
  bool zerocopy = !options.copy;
  size_t offset = 0;
  begin_send(slot);
  while (offset < options.size) {
    struct iovec part = {pool_bytes(slot) + offset, options.size - offset};
    const struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    const ssize_t accepted = sendmsg(fd, &message, flags_of(zerocopy));
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
  for (int i = 0; i < options.batch; ++i) {
    slots[i] = acquire();
    parts[i] = (struct iovec){pool_bytes(slots[i]), options.size};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
  }
  int done = 0;
  while (done < options.batch) {
    const int accepted =
        sendmmsg(fd, messages + done, (unsigned)(options.batch - done), flags_of(!options.copy));
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

// A clock read every 64 sends, a reaping every 16: as the JavaScript loops have it.
static void send_until(double end) {
  do {
    for (int sent = 0; sent < kClockEvery;) {
      if (options.batch == 1) {
        send_slot(acquire());
        if (++sent % kReapEvery == 0) reap();
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

static void run(double seconds) {
  struct rusage before, after;
  totals = (Totals){0};
  getrusage(RUSAGE_SELF, &before);
  const double start = now();
  send_until(start + seconds);
  wait_for_all();
  const double elapsed = now() - start;
  getrusage(RUSAGE_SELF, &after);
  printf("{\"seconds\":%.6f,\"userSeconds\":%.6f,\"systemSeconds\":%.6f,\"sends\":%" PRIu64
         ",\"bytes\":%" PRIu64 ",\"completed\":%" PRIu64 ",\"zerocopied\":%" PRIu64
         ",\"copied\":%" PRIu64 ",\"inlined\":%" PRIu64 ",\"notifications\":%" PRIu64
         ",\"violations\":%" PRIu64 "}\n",
         elapsed, seconds_of(after.ru_utime) - seconds_of(before.ru_utime),
         seconds_of(after.ru_stime) - seconds_of(before.ru_stime), totals.sends, totals.bytes,
         totals.completed, totals.zerocopied, totals.copied, totals.inlined, totals.notifications,
         totals.violations);
  fflush(stdout);
}

static void* sleep_on(void* unused) {
  for (;;) pause();
  return unused;
}

// What a second thread costs the first, by being there: the kernel counts references to the
// descriptor at each call, and the C library's calls are cancellation points.
static void start_sleeping_thread(void) {
  pthread_t thread;
  errno = pthread_create(&thread, NULL, sleep_on, NULL);
  if (errno != 0) die("pthread_create");
}

int main(int argc, char** argv) {
  parse_options(argc, argv);
  if (options.thread) start_sleeping_thread();
  pool_create();
  open_socket();
  puts("ready");
  fflush(stdout);
  double milliseconds;
  while (scanf("%lf", &milliseconds) == 1) run(milliseconds / 1000);
  return 0;
}
