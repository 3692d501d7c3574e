#include <arpa/inet.h>
#include <inttypes.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <unistd.h>

#include "receiver.h"

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

Totals totals = {.first_wrong_source = -1, .first_gap = -1, .min_length = UINT32_MAX};

void note_wrong(const PatternCheck* check, int64_t source) {
  if (check->wrong == 0) return;
  if (totals.wrong_bytes == 0) {
    totals.first_wrong = *check;
    totals.first_wrong_source = source;
  }
  totals.wrong_bytes += check->wrong;
}

void print_listening(const struct sockaddr_storage* address) {
  char text[INET6_ADDRSTRLEN];
  bool v4 = address->ss_family == AF_INET;
  const struct sockaddr_in* in4 = (const struct sockaddr_in*)address;
  const struct sockaddr_in6* in6 = (const struct sockaddr_in6*)address;
  inet_ntop(address->ss_family, v4 ? (const void*)&in4->sin_addr : (const void*)&in6->sin6_addr,
            text, sizeof(text));
  printf(
      "{\"type\":\"listening\",\"protocol\":\"%s\",\"family\":%d,\"address\":\"%s\",\"port\":%d,"
      "\"pid\":%d}\n",
      options.tcp ? "tcp" : "udp", v4 ? 4 : 6, text, ntohs(v4 ? in4->sin_port : in6->sin6_port),
      (int)getpid());
  fflush(stdout);
}

static void print_tcp(bool with_connections) {
  printf(",\"accepted\":%" PRIu64 ",\"open\":%" PRIu64 ",\"eof\":%" PRIu64 ",\"resets\":%" PRIu64
         ",\"resetsSent\":%" PRIu64 ",\"sentBytes\":%" PRIu64,
         totals.accepted, totals.open, totals.eof, totals.resets, totals.resets_sent,
         totals.sent_bytes);
  if (!with_connections) return;
  printf(",\"connections\":[");
  tcp_print_connections();
  printf("]");
}

static void print_udp(int socket) {
  uint32_t memory[SK_MEMINFO_VARS] = {0};
  socklen_t size = sizeof(memory);
  getsockopt(socket, SOL_SOCKET, SO_MEMINFO, memory, &size);
  printf(",\"datagrams\":%" PRIu64 ",\"corrupt\":%" PRIu64 ",\"short\":%" PRIu64
         ",\"flows\":%" PRIu64 ",\"unique\":%" PRIu64 ",\"missing\":%" PRIu64 ",\"gaps\":%" PRIu64
         ",\"firstGap\":",
         totals.datagrams, totals.corrupt, totals.short_datagrams, udp_flow_count(), totals.unique,
         totals.missing, totals.gaps);
  if (totals.first_gap < 0) {
    printf("null");
  } else {
    printf("%" PRId64, totals.first_gap);
  }
  printf(",\"duplicates\":%" PRIu64 ",\"reordered\":%" PRIu64 ",\"late\":%" PRIu64
         ",\"drops\":%u,\"minLength\":%u,\"maxLength\":%u",
         totals.duplicates, totals.reordered, totals.late, memory[SK_MEMINFO_DROPS],
         totals.datagrams ? totals.min_length : 0, totals.max_length);
}

void print_report(const char* type, int socket, double seconds, bool with_connections) {
  printf(
      "{\"type\":\"%s\",\"protocol\":\"%s\",\"seconds\":%.6f,\"paused\":%s,\"checked\":%s,"
      "\"bytes\":%" PRIu64 ",\"wrongBytes\":%" PRIu64 ",\"firstWrong\":",
      type, options.tcp ? "tcp" : "udp", seconds, options.paused ? "true" : "false",
      options.check ? "true" : "false", totals.bytes, totals.wrong_bytes);
  if (totals.wrong_bytes == 0) {
    printf("null");
  } else {
    printf("{\"%s\":%" PRId64 ",\"offset\":%" PRIu64 ",\"expected\":%u,\"actual\":%u}",
           options.tcp ? "connection" : "sequence", totals.first_wrong_source,
           totals.first_wrong.first_offset, totals.first_wrong.expected, totals.first_wrong.actual);
  }
  if (options.tcp) {
    print_tcp(with_connections);
  } else {
    print_udp(socket);
  }
  printf("}\n");
  fflush(stdout);
}
