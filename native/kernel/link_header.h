#pragma once

#include <cstdint>

namespace zerosend {

// The link header with which a frame of a packet socket or of AF_XDP begins: its length
// (dev->hard_header_len in the kernel), and the room for a VLAN tag beyond the MTU. No system call
// reports these, so they are derived from the type of the device.
struct LinkHeader {
  uint32_t header_length = 14;  // Ethernet
  uint32_t tag_length = 4;

  // `type` is ARPHRD_* of linux/if_arp.h.
  static LinkHeader of(uint16_t type);
};

}  // namespace zerosend
