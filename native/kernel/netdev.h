#pragma once

#include <cstdint>

namespace zerosend {

// Returns how many descriptors a driver with zero copy takes for one packet of AF_XDP, as it tells
// by the netdev family of generic netlink (Documentation/netlink/specs/netdev.yaml,
// xdp-zc-max-segs), or 0 where it does not tell.
uint32_t zerocopy_segments(uint32_t ifindex);

// Returns how many transmit queues an interface has in use (queue-get of the same family, Linux
// 6.8; one that is down tells of none), else how many it was made with, or 0 where the kernel tells
// neither.
uint32_t transmit_queues(uint32_t ifindex);

}  // namespace zerosend
