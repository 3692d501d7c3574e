// A receiver that checks every byte, and can be slow, stop reading, reset or half-close. See
// receiver_options.c for its options and for the commands that it takes on stdin.
#define _GNU_SOURCE
#include "receiver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

// Large enough that no datagrams are lost when the receiver does not run for a moment.
enum { kUdpReceiveBuffer = 32 << 20 };

static volatile sig_atomic_t stop_requested;
static double allowance;  // bytes that may be read now; meaningful only with a rate
static double allowance_at;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void refill_allowance(void) {
  double t = now();
  double most = (double)options.rate * 0.05;  // at most 50 ms worth in one go
  allowance += (t - allowance_at) * (double)options.rate;
  if (allowance > most) allowance = most;
  allowance_at = t;
}

size_t read_allowance(size_t wanted) {
  if (options.rate == 0) return wanted;
  if (allowance < 1) return 1;
  return allowance < (double)wanted ? (size_t)allowance : wanted;
}

bool spend_allowance(size_t bytes) {
  if (options.rate == 0) return false;
  allowance -= (double)bytes;
  return allowance < 1;
}

static void die(const char* what) {
  fprintf(stderr, "receiver: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void set_option(int fd, int level, int name, int value, const char* what) {
  if (setsockopt(fd, level, name, &value, sizeof(value)) < 0) die(what);
}

static int open_socket(void) {
  int type = (options.tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
  int fd = socket(options.family, type, 0);
  if (fd < 0) die("socket");
  struct sockaddr_storage address = {.ss_family = (sa_family_t)options.family};
  struct sockaddr_in* in4 = (struct sockaddr_in*)&address;
  struct sockaddr_in6* in6 = (struct sockaddr_in6*)&address;
  bool v4 = options.family == AF_INET;
  if (v4) in4->sin_port = htons(options.port);
  if (!v4) in6->sin6_port = htons(options.port);
  void* host = v4 ? (void*)&in4->sin_addr : (void*)&in6->sin6_addr;
  if (options.address && inet_pton(options.family, options.address, host) != 1) {
    errno = EINVAL;
    die(options.address);
  }
  if (!v4) set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY");
  if (options.tcp) set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
  // Only a privileged process can exceed rmem_max; otherwise the kernel grants what it allows.
  int rcvbuf = options.rcvbuf ? options.rcvbuf : options.tcp ? 0 : kUdpReceiveBuffer;
  if (rcvbuf && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf)) < 0) {
    set_option(fd, SOL_SOCKET, SO_RCVBUF, rcvbuf, "SO_RCVBUF");
  }
  if (!options.tcp && options.gro) set_option(fd, SOL_UDP, UDP_GRO, 1, "UDP_GRO");
  socklen_t size = v4 ? sizeof(*in4) : sizeof(*in6);
  if (bind(fd, (struct sockaddr*)&address, size) < 0) die("bind");
  if (options.tcp && listen(fd, 1024) < 0) die("listen");
  getsockname(fd, (struct sockaddr*)&address, &size);
  print_listening(&address);
  return fd;
}

static bool command_number(const char* line, const char* name, uint64_t* value) {
  size_t length = strlen(name);
  char* end = NULL;
  if (strncmp(line, name, length) != 0 || line[length] != ' ') return false;
  *value = strtoull(line + length + 1, &end, 10);
  return end != line + length + 1 && *end == 0;
}

// `data` is the epoll of what is to be read.
static void run_command(const char* line, int socket, int data, double start) {
  uint64_t value;
  bool known = true;
  // A command applies to all connections that its sender has made before, so these are accepted
  // first.
  if (options.tcp) tcp_accept(socket, data);
  if (!strcmp(line, "report")) {
    print_report("report", socket, now() - start, false);
    return;
  }
  if (!strcmp(line, "report connections")) {
    print_report("report", socket, now() - start, true);
    return;
  }
  if (!strcmp(line, "pause")) {
    options.paused = true;
  } else if (!strcmp(line, "resume")) {
    options.paused = false;
    tcp_resume_all();
  } else if (!strcmp(line, "check on")) {
    options.check = true;
  } else if (!strcmp(line, "check off")) {
    options.check = false;
  } else if (command_number(line, "rate", &value)) {
    options.rate = value;
    allowance = 0;
    allowance_at = now();
  } else if (options.tcp && !strcmp(line, "reset")) {
    tcp_reset_all();
  } else if (options.tcp && !strcmp(line, "half-close")) {
    tcp_half_close_all();
  } else if (options.tcp && !strcmp(line, "close")) {
    tcp_close_all();
  } else if (options.tcp && command_number(line, "send", &value)) {
    tcp_send_all(value);
  } else {
    known = false;
  }
  printf("{\"type\":\"%s\"}\n", known ? "ok" : "unknown-command");
  fflush(stdout);
}

// Returns false when there will be no more commands.
static bool read_commands(int socket, int data, double start) {
  static char text[4096];
  static size_t used;
  ssize_t n = read(STDIN_FILENO, text + used, sizeof(text) - 1 - used);
  if (n < 0) return errno == EINTR || errno == EAGAIN;
  if (n == 0) return false;
  used += (size_t)n;
  text[used] = 0;
  char* line = text;
  for (char* end; (end = strchr(line, '\n')); line = end + 1) {
    *end = 0;
    run_command(line, socket, data, start);
  }
  used = strlen(line);
  memmove(text, line, used);
  return used < sizeof(text) - 1;
}

static void on_signal(int signal_number) {
  (void)signal_number;
  stop_requested = 1;
}

int main(int argc, char** argv) {
  parse_options(argc, argv);
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  int socket = open_socket();
  double start = now();
  allowance_at = start;

  // The sockets to read are in an epoll of their own, which is a member of the outer one. Pausing
  // removes that one member, however many connections there are.
  int outer = epoll_create1(EPOLL_CLOEXEC), data = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event commands = {.events = EPOLLIN, .data.fd = STDIN_FILENO};
  struct epoll_event sockets = {.events = EPOLLIN, .data.fd = socket};
  struct epoll_event readable = {.events = EPOLLIN, .data.fd = data};
  if (epoll_ctl(outer, EPOLL_CTL_ADD, STDIN_FILENO, &commands) < 0) die("stdin (a pipe is needed)");
  epoll_ctl(options.tcp ? outer : data, EPOLL_CTL_ADD, socket, &sockets);
  bool reading = false, open = true;

  while (open && !stop_requested) {
    if (options.rate) refill_allowance();
    bool dry = options.rate && allowance < 1;
    bool read_now = !options.paused && !dry;
    if (read_now != reading) {
      epoll_ctl(outer, read_now ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, data, &readable);
      reading = read_now;
    }
    int timeout =
        dry && !options.paused ? 1 + (int)((1 - allowance) * 1000 / (double)options.rate) : -1;
    struct epoll_event events[256];
    int n = epoll_wait(outer, events, 3, timeout);
    bool data_ready = false;
    for (int i = 0; i < n; ++i) {
      if (events[i].data.fd == STDIN_FILENO) {
        open = read_commands(socket, data, start);
      } else if (events[i].data.fd == data) {
        data_ready = true;
      } else {
        tcp_accept(socket, data);
      }
    }
    if (!data_ready || options.paused) continue;
    n = epoll_wait(data, events, 256, 0);
    for (int i = 0; i < n && !(options.rate && allowance < 1); ++i) {
      if (options.tcp) {
        tcp_event(events[i].data.ptr, events[i].events);
      } else {
        udp_readable(socket);
      }
    }
  }
  print_report("final", socket, now() - start, true);
  return 0;
}
