#pragma once

namespace stress {

// Bound sockets of both families (-1: no such family), and the way to report.
struct Endpoints {
  int tcp[2] = {-1, -1};
  int udp[2] = {-1, -1};
  int channel = -1;
};

// Serves until the other end of the channel is shut down and all connections have ended. Runs in a
// process of its own, in one thread.
void run_receiver(const Endpoints& endpoints);

}  // namespace stress
