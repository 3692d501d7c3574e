// What the parts of the receiver share: receiver.c (loop and commands), receiver_options.c,
// receiver_tcp.c, receiver_udp.c and receiver_report.c. One process, one thread, one protocol.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "pattern.h"

#ifndef SOL_UDP
#define SOL_UDP 17
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum { kReadBytes = 1 << 18 };

typedef struct {
  bool tcp;
  int family;  // AF_INET or AF_INET6
  const char* address;
  uint16_t port;
  bool any_seed;  // TCP: announced in the first 8 bytes; UDP: whatever the header says
  uint32_t seed;
  int rcvbuf;     // bytes as passed to SO_RCVBUF; 0: the system's for TCP, 32 MB for UDP
  uint64_t rate;  // bytes a second over all connections; 0: unlimited
  bool check;
  bool gro;       // UDP_GRO: trains of datagrams arrive in one read
  bool truncate;  // UDP: counts datagrams without copying them out of the kernel; checks nothing
  bool paused;    // read nothing; connections are still accepted
  // TCP, bytes received on a connection before it happens; 0: never
  uint64_t reset_after, half_close_after, stop_after;
  bool keep_open;  // TCP: keep the own side open when the peer has closed its own
} Options;

typedef struct {
  uint64_t bytes, wrong_bytes;
  PatternCheck first_wrong;
  int64_t first_wrong_source;  // TCP: connection; UDP: sequence
  // TCP
  uint64_t accepted, open, eof, resets, resets_sent, sent_bytes;
  // UDP
  uint64_t datagrams, corrupt, short_datagrams, unique, missing, gaps, duplicates, reordered, late;
  int64_t first_gap;
  uint32_t min_length, max_length;
} Totals;

extern Options options;
extern Totals totals;

void parse_options(int argc, char** argv);

// Notes what a check found; `source` is the connection or the sequence.
void note_wrong(const PatternCheck* check, int64_t source);

// How much may be read now under the rate limit (at least 1, at most `wanted`).
size_t read_allowance(size_t wanted);
// Takes bytes from the allowance; true when it is used up and reading has to stop for a while.
bool spend_allowance(size_t bytes);

// One JSON object for each connection, comma separated.
void tcp_print_connections(void);
void tcp_accept(int listener, int epoll);
void tcp_event(void* connection, uint32_t events);
void tcp_resume_all(void);
void tcp_reset_all(void);
void tcp_half_close_all(void);
void tcp_close_all(void);
void tcp_send_all(uint64_t bytes);

void udp_readable(int socket);
uint64_t udp_flow_count(void);

void print_listening(const struct sockaddr_storage* address);
void print_report(const char* type, int socket, double seconds, bool with_connections);
