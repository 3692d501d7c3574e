#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "receiver.h"

Options options = {.family = AF_INET, .seed = 1, .check = true, .gro = true};

static const char kUsage[] =
    "usage: receiver tcp|udp [options]\n"
    "Listens, checks every byte against the pattern of pattern.h, reports JSON lines on stdout.\n"
    "Ends with a last report when its stdin ends, or at SIGINT or SIGTERM.\n"
    "  --family 4|6            default 4\n"
    "  --address A             default any\n"
    "  --port N                default 0, an ephemeral port; the first line says which\n"
    "  --seed N|any            default 1; any: TCP announces it in its first 8 bytes, UDP in each\n"
    "                          datagram's header\n"
    "  --rate N                reads at most N bytes a second\n"
    "  --rcvbuf N              SO_RCVBUF, in bytes; default the system's, for UDP 32 MB\n"
    "  --paused                starts without reading\n"
    "  --discard               counts, but does not check\n"
    "  --no-gro                UDP: one read for each datagram\n"
    "  --truncate              UDP: counts, and leaves the content in the kernel; with --no-gro\n"
    "  --reset-after N         TCP: resets a connection that has brought N bytes\n"
    "  --half-close-after N    TCP: shuts the own side down after N bytes, goes on reading\n"
    "  --stop-after N          TCP: reads N bytes of a connection, and more only after `resume`\n"
    "  --keep-open             TCP: keeps the own side open when the peer has closed its own\n"
    "Commands, a line each on stdin, each answered by a line: pause, resume, rate N, report,\n"
    "report connections, check on|off, and for TCP: reset, half-close, close, send N.\n";

static void fail(const char* what, const char* value) {
  fprintf(stderr, "receiver: %s: %s\n%s", what, value ? value : "(nothing)", kUsage);
  exit(2);
}

static uint64_t number(const char* option, const char* text, uint64_t limit) {
  char* end = NULL;
  errno = 0;
  unsigned long long value = text ? strtoull(text, &end, 10) : 0;
  if (!text || *text < '0' || *text > '9' || *end || errno || value > limit) fail(option, text);
  return value;
}

void parse_options(int argc, char** argv) {
  if (argc < 2) fail("a protocol is needed", NULL);
  options.tcp = strcmp(argv[1], "tcp") == 0;
  if (!options.tcp && strcmp(argv[1], "udp") != 0) fail("unknown protocol", argv[1]);
  for (int i = 2; i < argc; ++i) {
    const char* name = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : NULL;
    if (!strcmp(name, "--paused")) {
      options.paused = true;
    } else if (!strcmp(name, "--discard")) {
      options.check = false;
    } else if (!strcmp(name, "--no-gro")) {
      options.gro = false;
    } else if (!strcmp(name, "--truncate")) {
      options.truncate = true;
      options.check = false;
    } else if (!strcmp(name, "--keep-open")) {
      options.keep_open = true;
    } else {
      ++i;
      if (!strcmp(name, "--family")) {
        options.family = number(name, value, 6) == 6 ? AF_INET6 : AF_INET;
      } else if (!strcmp(name, "--address")) {
        if (!value) fail(name, value);
        options.address = value;
      } else if (!strcmp(name, "--port")) {
        options.port = (uint16_t)number(name, value, 65535);
      } else if (!strcmp(name, "--seed")) {
        options.any_seed = value && !strcmp(value, "any");
        if (!options.any_seed) options.seed = (uint32_t)number(name, value, UINT32_MAX);
      } else if (!strcmp(name, "--rate")) {
        options.rate = number(name, value, UINT64_MAX);
      } else if (!strcmp(name, "--rcvbuf")) {
        options.rcvbuf = (int)number(name, value, INT32_MAX);
      } else if (!strcmp(name, "--reset-after")) {
        options.reset_after = number(name, value, UINT64_MAX);
      } else if (!strcmp(name, "--half-close-after")) {
        options.half_close_after = number(name, value, UINT64_MAX);
      } else if (!strcmp(name, "--stop-after")) {
        options.stop_after = number(name, value, UINT64_MAX);
      } else {
        fail("unknown option", name);
      }
    }
  }
}
