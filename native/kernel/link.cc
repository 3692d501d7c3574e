#include "kernel/link.h"

#include <linux/if_link.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "kernel/netlink.h"

namespace zerosend {
namespace {

template <class Value>
void take(const rtattr* attribute, Value* value) {
  if (RTA_PAYLOAD(attribute) >= sizeof *value) {
    std::memcpy(value, RTA_DATA(attribute), sizeof *value);
  }
}

}  // namespace

bool parse_link(nlmsghdr* message, LinkFacts* facts) {
  if (message->nlmsg_len < NLMSG_LENGTH(sizeof(ifinfomsg))) return false;
  const auto* body = static_cast<const ifinfomsg*>(NLMSG_DATA(message));
  if (body->ifi_family != AF_UNSPEC) return false;
  *facts = {};
  facts->index = static_cast<uint32_t>(body->ifi_index);
  facts->up = (body->ifi_flags & IFF_UP) != 0;
  uint8_t carrier = 1;
  netlink::for_each_attribute(message, sizeof *body, [&](rtattr* attribute) {
    switch (attribute->rta_type) {
      case IFLA_IFNAME: {
        const auto* text = static_cast<const char*>(RTA_DATA(attribute));
        facts->name.assign(text, strnlen(text, RTA_PAYLOAD(attribute)));
        break;
      }
      case IFLA_MTU:
        take(attribute, &facts->mtu);
        break;
      case IFLA_CARRIER:
        take(attribute, &carrier);
        break;
      case IFLA_OPERSTATE:
        take(attribute, &facts->operstate);
        break;
      case IFLA_NUM_TX_QUEUES:
        take(attribute, &facts->queues);
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

int read_link(uint32_t index, LinkFacts* facts) {
  netlink::Request<ifinfomsg> request(RTM_GETLINK, 0);
  request.body.ifi_index = static_cast<int>(index);
  bool found = false;
  bool refused = false;
  const auto visit = [&](nlmsghdr* message) {
    found = message->nlmsg_type == RTM_NEWLINK && parse_link(message, facts);
  };
  const int error = netlink::ask(NETLINK_ROUTE, request, visit, &refused);
  if (error == ENODEV && !refused) return EIO;  // not about the interface
  return error != 0 ? error : found ? 0 : EPROTO;
}

std::string LinkState::name() const {
  std::lock_guard<std::mutex> lock(name_mutex_);
  return name_;
}

void LinkState::tell(const LinkFacts& facts) {
  mtu_.store(facts.mtu, std::memory_order_relaxed);
  can_send_ = facts.can_send();
  if (facts.can_send()) down_claimed_ = false;  // the next time that it is down is another one
  std::lock_guard<std::mutex> lock(name_mutex_);
  if (name_ != facts.name) name_ = facts.name;
}

}  // namespace zerosend
