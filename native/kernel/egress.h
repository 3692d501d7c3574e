#pragma once

#include <string>
#include <vector>

#include "kernel/address.h"
#include "kernel/failure.h"

namespace zerosend {

// The interface through which packets to an address leave, and the queueing disciplines in which
// they wait there.
struct Egress {
  std::string interface;
  // The kinds of the interface's queueing disciplines in which packets wait. That is the root;
  // where the root is made of classes (mq has one for each transmit queue), these are all
  // disciplines that have no further ones.
  std::vector<std::string> qdiscs;
};

// Asks the kernel for the way of packets to `remote` (rtnetlink(7): RTM_GETROUTE, RTM_GETQDISC).
// `interface` is the one that the socket is bound to, or empty. Any thread; no privilege is needed.
Failure find_egress(const Address& remote, const std::string& interface, Egress* egress);

}  // namespace zerosend
