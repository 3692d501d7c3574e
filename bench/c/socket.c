// Options, and a socket with them: the same socket options as the library's own
// (native/os/open.cc).
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "sender.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum { kUdpSendBuffer = 4 << 20 };

Options options = {.size = 65000, .batch = 1};
int fd;

void die(const char* what) {
  fprintf(stderr, "sender: %s: %s\n", what, strerror(errno));
  exit(1);
}

static _Noreturn void usage(void) {
  fprintf(stderr,
          "usage: sender --protocol tcp|udp --address A --port N [--size N] [--segment N]\n"
          "              [--batch N] [--copy] [--rotate] [--thread]\n");
  exit(2);
}

void parse_options(int argc, char** argv) {
  static const struct option names[] = {
      {"protocol", required_argument, NULL, 't'}, {"address", required_argument, NULL, 'a'},
      {"port", required_argument, NULL, 'p'},     {"size", required_argument, NULL, 's'},
      {"segment", required_argument, NULL, 'g'},  {"batch", required_argument, NULL, 'b'},
      {"copy", no_argument, NULL, 'c'},           {"rotate", no_argument, NULL, 'r'},
      {"thread", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
  int name;
  while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
    switch (name) {
      case 't':
        options.tcp = strcmp(optarg, "tcp") == 0;
        break;
      case 'a':
        options.address = optarg;
        break;
      case 'p':
        options.port = atoi(optarg);
        break;
      case 's':
        options.size = strtoul(optarg, NULL, 10);
        break;
      case 'g':
        options.segment = strtoul(optarg, NULL, 10);
        break;
      case 'b':
        options.batch = atoi(optarg);
        break;
      case 'c':
        options.copy = true;
        break;
      case 'r':
        options.rotate = true;
        break;
      case 'h':
        options.thread = true;
        break;
      default:
        usage();
    }
  }
  if (!options.address || options.port <= 0 || options.size == 0 || options.size > kSlotBytes ||
      options.batch < 1 || options.batch > kMaxBatch || (options.tcp && options.batch > 1)) {
    usage();
  }
}

static void set(int level, int name, int value, const char* what) {
  if (setsockopt(fd, level, name, &value, sizeof(value)) != 0) die(what);
}

void open_socket(void) {
  struct sockaddr_in remote = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
  if (inet_pton(AF_INET, options.address, &remote.sin_addr) != 1) usage();
  fd = socket(AF_INET, (options.tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  if (!options.copy) set(SOL_SOCKET, SO_ZEROCOPY, 1, "SO_ZEROCOPY");
  if (options.tcp) {
    set(IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
  } else {
    set(SOL_SOCKET, SO_SNDBUF, kUdpSendBuffer, "SO_SNDBUF");
    if (options.segment) set(IPPROTO_UDP, UDP_SEGMENT, (int)options.segment, "UDP_SEGMENT");
  }
  if (connect(fd, (struct sockaddr*)&remote, sizeof(remote)) != 0) die("connect");
}
