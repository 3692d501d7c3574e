#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "sender.h"

Options options = {.size = 65000, .batch = 1, .frames = 1024, .counter = UINT32_MAX, .sockets = 1};
int fd;

void die(const char* what) {
  fprintf(stderr, "sender: %s: %s\n", what, strerror(errno));
  exit(1);
}

_Noreturn void usage(void) {
  fprintf(stderr,
          "usage: sender --protocol tcp|udp --address A --port N [--size N] [--segment N]\n"
          "              [--batch N] [--copy] [--rotate] [--slots N] [--buffers N] [--sockets N]\n"
          "              [--epoll] [--late] [--thread] [--sendto] [--fill]\n"
          "       sender --protocol udp --loop wake|tight|uring|handoff --address A --port N\n"
          "              [--size N] [--segment N] [--batch N] [--slots N] [--spin] [--fill]\n"
          "       sender --protocol packet|xdp --interface NAME --frame HEX [--counter OFFSET]\n"
          "              [--size N] [--frames N] [--offload] [--copy [--notify N]]\n");
  exit(2);
}

// Each is followed by its value, but for flags.
typedef struct Name {
  const char* name;
  const char** text;
  uint32_t* number;
  bool* flag;
} Name;

static const Name kNames[] = {
    {"protocol", .text = &options.protocol}, {"loop", .text = &options.loop},
    {"address", .text = &options.address},   {"interface", .text = &options.interface},
    {"frame", .text = &options.frame},       {"port", .number = &options.port},
    {"size", .number = &options.size},       {"segment", .number = &options.segment},
    {"batch", .number = &options.batch},     {"buffers", .number = &options.buffers},
    {"slots", .number = &options.slots},     {"sockets", .number = &options.sockets},
    {"counter", .number = &options.counter}, {"frames", .number = &options.frames},
    {"notify", .number = &options.notify},   {"copy", .flag = &options.copy},
    {"epoll", .flag = &options.epoll},       {"late", .flag = &options.late},
    {"rotate", .flag = &options.rotate},     {"thread", .flag = &options.thread},
    {"sendto", .flag = &options.sendto},     {"spin", .flag = &options.spin},
    {"offload", .flag = &options.offload},   {"fill", .flag = &options.fill},
};

// The engine for a protocol and loop. All options are known by then.
static const Engine* engine_of(const char* protocol) {
  if (!strcmp(protocol, "packet")) return options.copy ? &copying_engine : &ring_engine;
  if (!strcmp(protocol, "xdp")) return &xdp_engine;
  if (!strcmp(options.loop, "wake")) return &wake_engine;
  if (!strcmp(options.loop, "tight")) return &tight_engine;
  if (!strcmp(options.loop, "handoff")) return &handoff_engine;
  return strcmp(options.loop, "uring") ? &inet_engine : &uring_engine;
}

static bool complete(void) {
  if (options.size == 0) return false;
  const bool frames = !strcmp(options.protocol, "packet") || !strcmp(options.protocol, "xdp");
  if (!frames) {
    return options.address && options.port > 0 && options.buffers <= kMaxSlots &&
           options.slots <= kMaxSlots && options.sockets > 0 && options.sockets <= kMaxSockets &&
           (options.sockets == 1 || options.slots <= kSlots) &&
           (options.buffers > 0 || options.size <= kSlotBytes) && options.batch >= 1 &&
           options.batch <= kMaxBatch && !(options.tcp && options.batch > 1);
  }
  const bool counts = options.counter != UINT32_MAX;
  return options.interface && options.frame && options.frames > 0 && options.frames <= kMaxSlots &&
         options.notify <= kMaxBatch &&
         (counts ? options.counter + 4 <= options.size : options.copy);
}

static const Name* find(const char* argument) {
  for (size_t i = 0; i < sizeof(kNames) / sizeof(*kNames); ++i) {
    if (!strncmp(argument, "--", 2) && !strcmp(argument + 2, kNames[i].name)) return &kNames[i];
  }
  usage();
}

void parse_options(int argc, char** argv) {
  options.protocol = "udp";
  options.loop = "";
  for (int i = 1; i < argc; ++i) {
    const Name* name = find(argv[i]);
    if (name->flag) {
      *name->flag = true;
      continue;
    }
    if (++i == argc) usage();
    if (name->text) *name->text = argv[i];
    if (name->number) *name->number = (uint32_t)strtoul(argv[i], NULL, 10);
  }
  options.tcp = !strcmp(options.protocol, "tcp");
  options.engine = engine_of(options.protocol);
  if (options.buffers > 0) options.rotate = true;
  if (!complete()) usage();
}

void set_option(int level, int name, int value, const char* what) {
  if (setsockopt(fd, level, name, &value, sizeof(value)) != 0) die(what);
}
