#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "sender.h"

Options options = {.size = 65000, .batch = 1, .frames = 1024, .counter = SIZE_MAX};
int fd;

void die(const char* what) {
  fprintf(stderr, "sender: %s: %s\n", what, strerror(errno));
  exit(1);
}

_Noreturn void usage(void) {
  fprintf(stderr,
          "usage: sender --protocol tcp|udp --address A --port N [--size N] [--segment N]\n"
          "              [--batch N] [--copy] [--rotate] [--buffers N] [--thread] [--sendto]\n"
          "       sender --protocol packet|xdp --interface NAME --frame HEX [--counter OFFSET]\n"
          "              [--size N] [--frames N] [--offload] [--copy [--notify N]]\n");
  exit(2);
}

// What sends over this protocol; all options are known by then.
static const Engine* engine_of(const char* protocol) {
  options.tcp = strcmp(protocol, "tcp") == 0;
  if (strcmp(protocol, "packet") == 0) return options.copy ? &copying_engine : &ring_engine;
  return strcmp(protocol, "xdp") == 0 ? &xdp_engine : &inet_engine;
}

static bool complete(void) {
  if (options.size == 0) return false;
  if (options.engine != &inet_engine) {
    const bool counts = options.counter != SIZE_MAX;
    return options.interface && options.frame && options.frames > 0 &&
           options.frames <= kMaxSlots && options.notify >= 0 && options.notify <= kMaxBatch &&
           (counts ? options.counter + 4 <= options.size : options.copy);
  }
  if (options.buffers > kMaxSlots || (!options.buffers && options.size > kSlotBytes)) return false;
  return options.address && options.port > 0 && options.batch >= 1 && options.batch <= kMaxBatch &&
         !(options.tcp && options.batch > 1);
}

void parse_options(int argc, char** argv) {
  static const struct option names[] = {
      {"protocol", required_argument, NULL, 't'}, {"address", required_argument, NULL, 'a'},
      {"port", required_argument, NULL, 'p'},     {"size", required_argument, NULL, 's'},
      {"segment", required_argument, NULL, 'g'},  {"batch", required_argument, NULL, 'b'},
      {"copy", no_argument, NULL, 'c'},           {"rotate", no_argument, NULL, 'r'},
      {"buffers", required_argument, NULL, 'u'},  {"thread", no_argument, NULL, 'h'},
      {"sendto", no_argument, NULL, 'd'},         {"interface", required_argument, NULL, 'i'},
      {"frame", required_argument, NULL, 'f'},    {"counter", required_argument, NULL, 'n'},
      {"frames", required_argument, NULL, 'm'},   {"offload", no_argument, NULL, 'o'},
      {"notify", required_argument, NULL, 'y'},   {NULL, 0, NULL, 0}};
  const char* protocol = "udp";
  int name;
  while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
    switch (name) {
      case 't':
        protocol = optarg;
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
      case 'u':
        options.buffers = (uint32_t)strtoul(optarg, NULL, 10);
        options.rotate = true;
        break;
      case 'h':
        options.thread = true;
        break;
      case 'd':
        options.sendto = true;
        break;
      case 'i':
        options.interface = optarg;
        break;
      case 'f':
        options.frame = optarg;
        break;
      case 'n':
        options.counter = strtoul(optarg, NULL, 10);
        break;
      case 'm':
        options.frames = (uint32_t)strtoul(optarg, NULL, 10);
        break;
      case 'o':
        options.offload = true;
        break;
      case 'y':
        options.notify = atoi(optarg);
        break;
      default:
        usage();
    }
  }
  options.engine = engine_of(protocol);
  if (!complete()) usage();
}

void set_option(int level, int name, int value, const char* what) {
  if (setsockopt(fd, level, name, &value, sizeof(value)) != 0) die(what);
}
