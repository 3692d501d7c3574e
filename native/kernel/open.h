#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kernel/address.h"
#include "kernel/failure.h"
#include "kernel/socket_options.h"

namespace zerosend {

struct OpenOptions {
  Address remote;                 // TCP: required. UDP: length 0 leaves the socket unconnected
  Address local;                  // length 0 lets the kernel choose
  int family = 0;                 // AF_INET or AF_INET6
  std::string interface;          // SO_BINDTODEVICE; empty: none
  uint32_t send_buffer_size = 0;  // SO_SNDBUF in bytes; 0: see open.cc
  uint32_t segment_size = 0;      // UDP_SEGMENT in bytes; 0: off
  bool zerocopy = true;           // ask for SO_ZEROCOPY
  uint64_t max_pacing_rate = 0;   // SO_MAX_PACING_RATE in bytes a second; 0: none
  // What is set before the socket is bound, in the order of kSocketOptions.
  std::vector<std::pair<const SocketOption*, int>> settings;
};

// A new socket, or the call that failed. `zerocopy_error` is the errno of SO_ZEROCOPY: without it
// the socket works, but copies.
struct Opened {
  int fd = -1;
  Failure failed;
  int zerocopy_error = 0;
};

// Starts a TCP connection, which is established, or has failed, when the socket becomes writable.
Opened open_tcp(const OpenOptions& options);

Opened open_udp(const OpenOptions& options);

// Returns the most segments that one UDP_SEGMENT send may have (64 before Linux 6.9, 128 since). It
// is found out by a socket that sends to itself over loopback. Where that fails, the next call
// tries again.
uint32_t probe_max_segments();

}  // namespace zerosend
