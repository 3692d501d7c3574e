#include "kernel/interface.h"

#include <linux/if_link.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "kernel/netlink.h"
#include "kernel/syscalls.h"

namespace zerosend {

bool parse_interface(nlmsghdr* message, InterfaceFacts* facts) {
  if (message->nlmsg_len < NLMSG_LENGTH(sizeof(ifinfomsg))) return false;
  const auto* body = static_cast<const ifinfomsg*>(NLMSG_DATA(message));
  if (body->ifi_family != AF_UNSPEC) return false;
  *facts = {};
  facts->index = static_cast<uint32_t>(body->ifi_index);
  facts->up = (body->ifi_flags & IFF_UP) != 0;
  uint8_t carrier = 1;
  netlink::for_each_attribute(message, sizeof *body, [&](rtattr* attribute) {
    switch (attribute->rta_type) {
      case IFLA_IFNAME:
        facts->name = netlink::text_of(attribute);
        break;
      case IFLA_MTU:
        netlink::take(attribute, &facts->mtu);
        break;
      case IFLA_CARRIER:
        netlink::take(attribute, &carrier);
        break;
      case IFLA_OPERSTATE:
        netlink::take(attribute, &facts->operstate);
        break;
      case IFLA_NUM_TX_QUEUES:
        netlink::take(attribute, &facts->queues);
        break;
      case IFLA_STATS64: {
        rtnl_link_stats64 stats{};
        std::memcpy(&stats, RTA_DATA(attribute),
                    std::min<size_t>(sizeof stats, RTA_PAYLOAD(attribute)));
        facts->tx_dropped = stats.tx_dropped;
        break;
      }
      default:
        break;
    }
  });
  facts->carrier = facts->up && carrier != 0;
  return true;
}

Failure read_interface(uint32_t index, InterfaceFacts* facts) {
  netlink::Request<ifinfomsg> request(RTM_GETLINK, 0);
  request.body.ifi_index = static_cast<int>(index);
  bool found = false;
  bool refused = false;
  const auto visit = [&](nlmsghdr* message) {
    found = message->nlmsg_type == RTM_NEWLINK && parse_interface(message, facts);
  };
  int error = netlink::ask(NETLINK_ROUTE, request, visit, &refused);
  if (error == ENODEV && !refused)
    error = EIO;  // ENODEV of another call does not mean that the interface is gone
  if (error == 0 && !found) error = EPROTO;
  return {error, "netlink(RTM_GETLINK)"};
}

Failure interface_index(const std::string& name, uint32_t* index) {
  *index = if_nametoindex(name.c_str());
  if (*index != 0) return {};
  Failure failed = Failure::of("if_nametoindex");
  // The C library asks through a socket. Where it gets none, glibc answers ENOENT.
  const int fd = sys.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    failed.error = errno;
  } else {
    sys.close(fd);
  }
  return failed;
}

Failure read_mtu(const std::string& name, uint32_t* mtu, LinkHeader* header) {
  ifreq request{};
  std::memcpy(request.ifr_name, name.data(), std::min(name.size(), sizeof request.ifr_name - 1));
  // The question needs a socket of its own, since AF_XDP sockets do not support these calls.
  const int fd = sys.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  Failure failed;
  if (fd < 0 || sys.ioctl(fd, SIOCGIFMTU, &request) != 0) {
    failed = Failure::of("ioctl(SIOCGIFMTU)");
  } else {
    *mtu = static_cast<uint32_t>(request.ifr_mtu);
    if (sys.ioctl(fd, SIOCGIFHWADDR, &request) != 0) failed = Failure::of("ioctl(SIOCGIFHWADDR)");
    *header = LinkHeader::of(request.ifr_hwaddr.sa_family);
  }
  if (fd >= 0) sys.close(fd);
  return failed;
}

}  // namespace zerosend
