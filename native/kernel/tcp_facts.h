#pragma once

#include <cstdint>

namespace zerosend {

// What the kernel knows of a TCP connection (TCP_INFO, tcp(7)), by the units of its own. -1: this
// kernel is too old to tell.
struct TcpFacts {
  bool closed = false;            // there is no connection any more; the rest is of when there was
  int64_t bytes_acked = -1;       // with the SYN and the FIN, one each; Linux 4.1
  int64_t not_sent = -1;          // bytes of the write queue that have not gone out once; Linux 4.6
  int64_t round_trip = -1;        // microseconds, smoothed
  int64_t variation = -1;         // microseconds, mean deviation
  int64_t least_round_trip = -1;  // microseconds, of the last minutes; Linux 4.6
  int64_t retransmitted = -1;     // segments, since the beginning
  int64_t unacknowledged = -1;    // segments that are out
  int64_t lost = -1;              // of those, taken for lost
  int64_t congestion_window = -1;  // segments
  int64_t segment_size = -1;       // bytes
  int64_t send_window = -1;        // bytes, as the peer offers; Linux 5.4
  int64_t delivery_rate = -1;      // bytes a second, as lately measured; Linux 4.9
};

// Returns false where the kernel does not tell.
bool read_tcp_facts(int fd, TcpFacts* facts);

}  // namespace zerosend
