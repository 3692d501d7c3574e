#pragma once

#include <cstddef>
#include <cstdint>

#include "kernel/interface.h"
#include "kernel/tcp_facts.h"

namespace zerosend {

// State that only some kinds of socket have. node/describe.cc passes it to JavaScript.
struct SocketState {
  bool peer_closed = false;    // the peer's FIN was read
  bool ids_uncertain = false;  // zero copy is off because kernel ids can no longer be matched
  bool intercepted = false;    // zero copy is off because a BPF program takes what is sent
  int timestamp_error = 0;     // errno of SO_TIMESTAMPING
  int failure = 0;             // errno of the fatal error; set by state()
  bool link_down = false;      // frames wait for the interface to come up
  bool splits_sends = false;   // segments go out one by one, since the way out refuses the whole
  // Of sockets that are bound to one interface:
  InterfaceFacts interface;     // as last asked for; index 0 for other sockets
  bool interface_gone = false;  // the interface was removed
  uint32_t max_length = 0;      // of a frame
  // Of a TCP connection that is or was up: bytes that the peer has acknowledged; else -1.
  int64_t acknowledged = -1;
  bool is_connected = false;  // a TCP connection that is up, as `tcp` says
  TcpFacts tcp;
  // Of a transmit ring: frames that wait for one before them, and which that is.
  size_t waiting = 0;
  uint32_t missing = 0;
};

// What the poller thread is to do about a socket after a wake.
struct SocketWake {
  bool news = false;        // records wait for JavaScript
  bool unfinished = false;  // on_ready() is due again, at once
  bool rearm = false;       // arm again, after a pause
  bool soon = false;  // the pause should be short: sends wait for room, or somebody for the end
};

// What the submission thread has done for a socket, and is to do.
struct SocketHanded {
  size_t bytes = 0;     // that were handed over
  bool more = false;    // published sends are left
  bool parked = false;  // which wait for room, and for the poller thread
};

// Whether the poller thread has armed a socket: if not, JavaScript is told, and polls it once more,
// or the poller thread tries again later.
enum class SocketRearmed : uint8_t { kYes, kNews, kLater };

}  // namespace zerosend
