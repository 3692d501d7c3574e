#pragma once

#include <cstdint>

namespace zerosend {

// What the kernel knows of a TCP connection (TCP_INFO, tcp(7)), in the kernel's units. -1 where
// this kernel does not report a value.
struct TcpFacts {
  bool closed = false;             // the connection is closed; the other values are from before
  int64_t bytes_acked = -1;        // the SYN and the FIN count as one byte each; Linux 4.1
  int64_t not_sent = -1;           // bytes of the write queue that have never been sent; Linux 4.6
  int64_t round_trip = -1;         // microseconds, smoothed
  int64_t variation = -1;          // microseconds, mean deviation
  int64_t least_round_trip = -1;   // microseconds, minimum of the last minutes; Linux 4.6
  int64_t retransmitted = -1;      // segments, since the beginning
  int64_t unacknowledged = -1;     // segments that were sent and not acknowledged
  int64_t lost = -1;               // segments of those that the kernel assumes lost
  int64_t congestion_window = -1;  // segments
  int64_t segment_size = -1;       // bytes
  int64_t send_window = -1;        // bytes that the peer is ready to receive; Linux 5.4
  int64_t delivery_rate = -1;      // bytes a second, as measured lately; Linux 4.9
};

// Returns false where the kernel does not report TCP_INFO.
bool read_tcp_facts(int fd, TcpFacts* facts);

// Whether a BPF program gets what is sent before TCP does (of type sk_msg, of a sockmap that holds
// the socket): as service meshes and Kubernetes networks have them. It copies what is sent, hands
// it on in pieces of its own or past TCP, and the kernel ids of MSG_ZEROCOPY are not one for each
// call.
bool is_intercepted(int fd);

}  // namespace zerosend
