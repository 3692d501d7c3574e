// What streams of datagrams are held against: a sender as one writes it in C, and a receiver that
// says how evenly the packets of each stream came.
//
//   pace send PORT STREAMS RATE SECONDS CHANGES PEERS   prints {"packets", "cpu"}
//   pace receive PERIOD_NS                              prints its port, and what came at the end
//
// A packet begins with the number of its stream and its own number in it. CHANGES is how many
// streams leave in each tenth of a second, in whose places others come. With PEERS 0 all go to
// 127.0.0.1, with more each to one of so many addresses behind 127.1.0.0.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SIZE 172
#define SECOND 1000000000LL
#define MOST_STREAMS 65536

static int64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * SECOND + time.tv_nsec;
}

static void fail(const char* what) {
  perror(what);
  exit(1);
}

// ---- the sender: a heap of deadlines, and clock_nanosleep until the first
// ---------------------------

struct stream {
  int64_t due;
  uint32_t id;
  uint32_t next;
};

static struct stream heap[MOST_STREAMS];

static void sink(int at, int count) {
  const struct stream one = heap[at];
  for (;;) {
    int below = 2 * at + 1;
    if (below >= count) break;
    if (below + 1 < count && heap[below + 1].due < heap[below].due) ++below;
    if (heap[below].due >= one.due) break;
    heap[at] = heap[below];
    at = below;
  }
  heap[at] = one;
}

#define FIRST_PEER 0x7f010000u  // 127.1.0.0

static void send_streams(int port, int count, double rate, double seconds, int changes,
                         uint32_t peers) {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in to = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (fd < 0) fail("socket");
  if (peers == 0 && connect(fd, (const struct sockaddr*)&to, sizeof to) != 0) fail("connect");
  const struct sockaddr* peer = peers == 0 ? NULL : (const struct sockaddr*)&to;
  const socklen_t peer_length = peers == 0 ? 0 : sizeof to;
  uint8_t packet[SIZE] = {0};
  const int64_t period = (int64_t)(SECOND / rate);
  const int64_t begin = now_ns();
  const int64_t end = begin + (int64_t)(seconds * SECOND);
  int64_t change = begin + SECOND / 10;
  uint32_t joined = 0;
  uint64_t packets = 0;
  // Spread over a period, in the order of their deadlines, which makes a heap.
  for (; (int)joined < count; ++joined) {
    heap[joined] = (struct stream){begin + period * joined / count, joined, 0};
  }
  for (;;) {
    int64_t now = now_ns();
    const int64_t first = heap[0].due;
    if (first >= end) break;
    if (first > now) {
      const struct timespec time = {first / SECOND, first % SECOND};
      clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
      now = now_ns();
    }
    while (heap[0].due <= now) {
      const uint32_t head[2] = {htonl(heap[0].id), htonl(heap[0].next++)};
      memcpy(packet, head, sizeof head);
      if (peers > 0) to.sin_addr.s_addr = htonl(FIRST_PEER + heap[0].id % peers);
      if (sendto(fd, packet, SIZE, 0, peer, peer_length) == SIZE) ++packets;
      heap[0].due += period;
      sink(0, count);
    }
    for (; change <= now; change += SECOND / 10) {
      // Those that are due next leave; who takes a place begins a period later.
      for (int i = 0; i < changes; ++i) {
        heap[0] = (struct stream){heap[0].due + period, joined++ % MOST_STREAMS, 0};
        sink(0, count);
      }
    }
  }
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const double cpu = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
                     (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  printf("{\"packets\":%llu,\"cpu\":%.4f}\n", (unsigned long long)packets, cpu);
}

// ---- the receiver: by the kernel's time of each packet
// ----------------------------------------------

static struct {
  int64_t at;
  uint32_t next;
  uint32_t gaps;
  double jitter;
} seen[MOST_STREAMS];

static float* deviations;
static size_t deviation_count;
#define MOST_DEVIATIONS (1u << 24)

static void take(const uint8_t* data, int64_t at, int64_t period) {
  uint32_t head[2];
  memcpy(head, data, sizeof head);
  const uint32_t id = ntohl(head[0]) % MOST_STREAMS;
  const uint32_t number = ntohl(head[1]);
  if (number > 0 && number == seen[id].next) {
    const double off = (double)(at - seen[id].at - period) / 1e3;
    const double size = off < 0 ? -off : off;
    seen[id].jitter += size;
    ++seen[id].gaps;
    if (deviation_count < MOST_DEVIATIONS) deviations[deviation_count++] = (float)size;
  }
  seen[id].next = number + 1;
  seen[id].at = at;
}

static int by_size(const void* a, const void* b) {
  const float x = *(const float*)a, y = *(const float*)b;
  return x < y ? -1 : x > y;
}

static void receive(int64_t period) {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  // Of any address of loopback, and of no other interface.
  struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
  socklen_t length = sizeof own;
  if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) != 0) fail("SO_BINDTODEVICE");
  const int on = 1, large = 16 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &large, sizeof large);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &large, sizeof large);
  if (bind(fd, (struct sockaddr*)&own, sizeof own) != 0 ||
      setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0 ||
      getsockname(fd, (struct sockaddr*)&own, &length) != 0) {
    fail("bind");
  }
  deviations = malloc(MOST_DEVIATIONS * sizeof *deviations);
  printf("%d\n", ntohs(own.sin_port));
  fflush(stdout);
  uint64_t packets = 0;
  struct pollfd wakes[] = {{fd, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
  for (;;) {
    uint8_t data[2048], control[128];
    struct iovec part = {data, sizeof data};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    const ssize_t got = recvmsg(fd, &message, MSG_DONTWAIT);
    if (got < 0) {
      if (wakes[1].revents != 0) break;
      // It may sleep: the kernel notes the times.
      const struct timespec pause = {0, 5000000};
      nanosleep(&pause, NULL);
      poll(wakes, 2, 0);
      continue;
    }
    if (got < 8) continue;
    for (struct cmsghdr* header = CMSG_FIRSTHDR(&message); header != NULL;
         header = CMSG_NXTHDR(&message, header)) {
      if (header->cmsg_type != SO_TIMESTAMPNS) continue;
      struct timespec time;
      memcpy(&time, CMSG_DATA(header), sizeof time);
      take(data, time.tv_sec * SECOND + time.tv_nsec, period);
      ++packets;
    }
  }
  float* means = malloc(MOST_STREAMS * sizeof *means);
  size_t streams = 0;
  for (size_t i = 0; i < MOST_STREAMS; ++i) {
    if (seen[i].gaps > 0) means[streams++] = (float)(seen[i].jitter / seen[i].gaps);
  }
  qsort(means, streams, sizeof *means, by_size);
  qsort(deviations, deviation_count, sizeof *deviations, by_size);
  const float none = 0;
  const float* m = streams > 0 ? means : &none;
  const float* d = deviation_count > 0 ? deviations : &none;
  printf(
      "{\"packets\":%llu,\"streams\":%zu,\"jitter\":{\"median\":%.1f,\"p99\":%.1f,\"max\":%.1f},"
      "\"gap\":{\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f}}\n",
      (unsigned long long)packets, streams, m[streams / 2], m[streams * 99 / 100],
      m[streams > 0 ? streams - 1 : 0], d[deviation_count / 2], d[deviation_count * 99 / 100],
      d[deviation_count > 0 ? deviation_count - 1 : 0]);
}

int main(int count, char** words) {
  if (count == 8 && strcmp(words[1], "send") == 0) {
    send_streams(atoi(words[2]), atoi(words[3]), atof(words[4]), atof(words[5]), atoi(words[6]),
                 (uint32_t)atoi(words[7]));
  } else if (count == 3 && strcmp(words[1], "receive") == 0) {
    receive(atoll(words[2]));
  } else {
    return fprintf(stderr, "see the head of pace.c\n"), 2;
  }
  return 0;
}
