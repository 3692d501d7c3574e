// Measures how long it takes until a thread knows of a completion: a thread that waits on an idle
// socket, or one that polls all the time. The same loop as js/wake.mjs.
//
// Behind a token bucket (tbf) the first of two datagrams takes the tokens, and the second waits for
// new ones: that time is the same for all programs.
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
// clang-format off: it uses struct timespec without declaring it
#include <linux/errqueue.h>
// clang-format on

#include "sender.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_complete = PTHREAD_COND_INITIALIZER;
static double complete_at;                 // 0: not yet
static uint32_t asked, completed, copied;  // ids: sent, by the one thread; the rest by the other

static void note(const struct sock_extended_err* error) {
  if (error->ee_origin != SO_EE_ORIGIN_ZEROCOPY) return;
  const uint32_t count = error->ee_data - error->ee_info + 1;
  completed += count;
  if (error->ee_code & SO_EE_CODE_ZEROCOPY_COPIED) copied += count;
}

static void read_errors(void) {
  _Alignas(struct cmsghdr) uint8_t control[512];
  for (;;) {
    struct msghdr message = {.msg_control = control, .msg_controllen = sizeof(control)};
    if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return;
    for (struct cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
      if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_RECVERR) continue;
      note((const struct sock_extended_err*)(const void*)CMSG_DATA(c));
    }
  }
}

static void* watch(void* unused) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = 0};  // EPOLLERR is reported in any case
  if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll");
  for (uint32_t told = 0;;) {
    if (!options.spin && epoll_wait(epoll, &event, 1, -1) < 0 && errno != EINTR) die("epoll_wait");
    read_errors();
    if (completed == told || completed != __atomic_load_n(&asked, __ATOMIC_ACQUIRE)) continue;
    told = completed;
    pthread_mutex_lock(&mutex);
    complete_at = now();
    pthread_cond_signal(&all_complete);
    pthread_mutex_unlock(&mutex);
  }
  return unused;
}

static void send_one(void) {
  if (sendto(fd, pool_bytes(0), options.size, MSG_ZEROCOPY | MSG_NOSIGNAL, NULL, 0) < 0) {
    die("sendto");
  }
  ++totals.sends;
  totals.bytes += options.size;
}

static void open_all(void) {
  pthread_t thread;
  pool_create(1, kSlotBytes);
  open_socket();
  errno = pthread_create(&thread, NULL, watch, NULL);
  if (errno != 0) die("pthread_create");
}

static void send_until(double end) {
  const struct timespec refill = {.tv_nsec = kRefill * 1000000};
  do {
    complete_at = 0;
    const uint32_t copied_before = copied;
    __atomic_store_n(&asked, asked + 2, __ATOMIC_RELEASE);
    send_one();
    send_one();
    const double sent_at = now();
    pthread_mutex_lock(&mutex);
    while (complete_at == 0) pthread_cond_wait(&all_complete, &mutex);
    const double wait = complete_at - sent_at;
    totals.copied += copied - copied_before;
    pthread_mutex_unlock(&mutex);
    totals.completed += 2;
    if (totals.waits_count < kMaxWaits) totals.waits[totals.waits_count++] = wait;
    nanosleep(&refill, NULL);
  } while (now() < end);
  totals.zerocopied = totals.completed - totals.copied;
}

static void settle(void) {}

const Engine wake_engine = {open_all, send_until, settle};
