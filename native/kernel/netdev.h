#pragma once

#include <cstdint>

namespace zerosend {

// Descriptors that a driver with zero copy takes for one packet of AF_XDP, as it tells by the
// netdev family of generic netlink (Documentation/netlink/specs/netdev.yaml, xdp-zc-max-segs). 0
// where it does not.
uint32_t zerocopy_segments(uint32_t ifindex);

// Transmit queues that an interface has in use (queue-get of the same family, Linux 6.8; one that
// is down tells of none), else those that it was made with. 0 where neither is told.
uint32_t transmit_queues(uint32_t ifindex);

}  // namespace zerosend
