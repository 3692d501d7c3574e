#pragma once

#include <cstdint>

namespace zerosend {

// Descriptors that a driver with zero copy takes for one packet of AF_XDP, as it tells by the
// netdev family of generic netlink (Documentation/netlink/specs/netdev.yaml, xdp-zc-max-segs). 0
// where it does not.
uint32_t zerocopy_segments(uint32_t ifindex);

}  // namespace zerosend
