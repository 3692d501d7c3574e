#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kernel/interface.h"

namespace zerosend {

// A network interface, with everything that decides how it transmits. Only diagnosis (`zerosend
// doctor`) reads it; sockets do not need it.
struct Device {
  InterfaceFacts interface;
  bool loopback = false;
  std::string kind;    // of a virtual interface, as `ip link add` calls it: veth, ifb, tun, …
  std::string qdisc;   // the queueing discipline at its root
  std::string driver;  // ETHTOOL_GDRVINFO
  uint32_t queues = 0;
  uint8_t xdp_mode = 0;  // XDP_ATTACHED_* of linux/if_link.h
  // Features that are on or off, under the names of ethtool(8); none where `features_error` is an
  // errno.
  std::vector<std::pair<std::string, bool>> features;
  int features_error = 0;
  uint32_t stamping = 0;  // SOF_TIMESTAMPING_* that it offers (ETHTOOL_GET_TS_INFO); 0: not told
};

// Reads all interfaces of this network namespace (rtnetlink(7), RTM_GETLINK), and for each what
// ethtool(8) shows of it (SIOCETHTOOL). Neither /sys, which may show those of another namespace,
// nor a privilege is needed. Any thread.
Failure read_devices(std::vector<Device>* devices);

}  // namespace zerosend
