#pragma once

#include <cstdint>

namespace zerosend {

// Returns how many descriptors a driver with zero copy takes for one packet of AF_XDP, as the
// netdev family of generic netlink reports it (Documentation/netlink/specs/netdev.yaml,
// xdp-zc-max-segs), or 0 where it is not known.
uint32_t zerocopy_segments(uint32_t ifindex);

// Returns how many transmit queues an interface has in use (queue-get of the same family, Linux
// 6.8). Where that is not known, as for an interface that is down, returns how many it was made
// with, or 0 where that is not known either.
uint32_t transmit_queues(uint32_t ifindex);

}  // namespace zerosend
