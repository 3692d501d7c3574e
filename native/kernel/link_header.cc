#include "kernel/link_header.h"

#include <linux/if_arp.h>

namespace zerosend {

LinkHeader LinkHeader::of(uint16_t type) {
  switch (type) {
    case ARPHRD_ETHER:
      return {14, 4};
    case ARPHRD_NONE:  // tun, wireguard
    case ARPHRD_RAWIP:
    case ARPHRD_TUNNEL:  // ipip
    case ARPHRD_TUNNEL6:
    case ARPHRD_SIT:
    case ARPHRD_IPGRE:
    case ARPHRD_IP6GRE:
    case ARPHRD_SLIP:
    case ARPHRD_CAN:
    case ARPHRD_NETLINK:
    case ARPHRD_VSOCKMON:
    case ARPHRD_6LOWPAN:
      return {0, 0};
    case ARPHRD_PPP:
    case ARPHRD_INFINIBAND:
      return {4, 0};
    default:  // among them loopback, which has the header of Ethernet, but no room for a tag
      return {14, 0};
  }
}

}  // namespace zerosend
