#pragma once

#include <string>
#include <vector>

#include "kernel/address.h"
#include "kernel/failure.h"

namespace zerosend {

// Where packets to an address leave, and what they wait in there.
struct WayOut {
  std::string interface;
  // The kinds of its queueing disciplines in which packets wait: of the root, or, where that is
  // made of classes (mq has one for each transmit queue), of all that have no further ones.
  std::vector<std::string> qdiscs;

  Failure failed;
};

// Asks the kernel (rtnetlink(7): RTM_GETROUTE, RTM_GETQDISC). `interface` is the one that the
// socket is bound to, or empty. Any thread; no privilege is needed.
WayOut find_way_out(const Address& remote, const std::string& interface);

}  // namespace zerosend
