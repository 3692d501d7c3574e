#pragma once

#include <cstdint>

namespace zerosend {

// What a frame of a packet socket or of AF_XDP begins with: dev->hard_header_len of the kernel, and
// the room for a VLAN tag beyond the MTU. Nothing tells these, but the type of a device does.
struct LinkHeader {
  uint32_t header_length = 14;  // Ethernet
  uint32_t tag_length = 4;

  // By the type of the device, ARPHRD_* of linux/if_arp.h.
  static LinkHeader of(uint16_t type);
};

}  // namespace zerosend
