#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <string>

#include "kernel/failure.h"
#include "kernel/link_header.h"

namespace zerosend {

// What rtnetlink reports of a network interface at one moment.
struct InterfaceFacts {
  uint32_t index = 0;  // 0: nothing is known
  std::string name;
  uint32_t mtu = 0;
  bool up = false;          // IFF_UP: the administrator has set it up
  bool carrier = false;     // the interface is up, and what is below it can transmit
  uint8_t operstate = 0;    // IF_OPER_*, RFC 2863
  uint32_t queues = 0;      // transmit queues that it was made with; it may use fewer
  uint64_t tx_dropped = 0;  // packets that it has dropped, of all programs that send through it

  bool can_send() const { return up && carrier; }
};

// Reads an RTM_NEWLINK or RTM_DELLINK message. Returns false for a message about something else: a
// bridge reports its ports by the same types, and says "deleted" of a port that has only left the
// bridge.
bool parse_interface(nlmsghdr* message, InterfaceFacts* facts);

// Asks for an interface by its index (RTM_GETLINK), since its name may belong to another interface
// by now. Fails with ENODEV when the interface is gone. Any thread; the call waits while the
// configuration of the network is being changed.
Failure read_interface(uint32_t index, InterfaceFacts* facts);

// Asks for the index of an interface by its name. Fails with ENODEV when there is none. Any thread.
Failure interface_index(const std::string& name, uint32_t* index);

// Asks for the MTU of an interface and for the link header of its type (netdevice(7): SIOCGIFMTU,
// SIOCGIFHWADDR). Works also where netlink(7) is not available.
Failure read_mtu(const std::string& name, uint32_t* mtu, LinkHeader* header);

}  // namespace zerosend
