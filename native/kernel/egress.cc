#include "kernel/egress.h"

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "kernel/interface.h"
#include "kernel/netlink.h"

namespace zerosend {
namespace {

// Packets to an IPv4-mapped IPv6 address (::ffff:1.2.3.4) take the routes of IPv4.
Address on_wire(const Address& address) {
  if (address.family() != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&address.v6.sin6_addr)) return address;
  Address v4;
  v4.v4.sin_family = AF_INET;
  v4.v4.sin_port = address.v6.sin6_port;
  std::memcpy(&v4.v4.sin_addr, &address.v6.sin6_addr.s6_addr[12], sizeof v4.v4.sin_addr);
  v4.length = sizeof v4.v4;
  return v4;
}

Failure find_interface(const Address& remote, unsigned bound, unsigned* index) {
  netlink::Request<rtmsg> request(RTM_GETROUTE, 0);
  request.body.rtm_family = static_cast<uint8_t>(remote.family());
  if (remote.family() == AF_INET) {
    request.body.rtm_dst_len = 32;
    request.add(RTA_DST, &remote.v4.sin_addr, sizeof remote.v4.sin_addr);
  } else {
    request.body.rtm_dst_len = 128;
    request.add(RTA_DST, &remote.v6.sin6_addr, sizeof remote.v6.sin6_addr);
    if (bound == 0) bound = remote.v6.sin6_scope_id;
  }
  if (bound != 0) request.add(RTA_OIF, &bound, sizeof bound);
  *index = 0;
  int error = netlink::ask(NETLINK_ROUTE, request, [&](nlmsghdr* message) {
    if (message->nlmsg_type != RTM_NEWROUTE) return;
    netlink::for_each_attribute(message, sizeof(rtmsg), [&](rtattr* attribute) {
      if (attribute->rta_type == RTA_OIF) netlink::take(attribute, index);
    });
  });
  if (error == 0 && *index == 0) error = ENETUNREACH;
  return {error, "netlink(RTM_GETROUTE)"};
}

struct Qdisc {
  uint32_t handle;
  uint32_t parent;
  std::string kind;
};

Failure find_qdiscs(unsigned index, std::vector<std::string>* kinds) {
  netlink::Request<tcmsg> request(RTM_GETQDISC, NLM_F_DUMP);
  // The answer has to contain the disciplines that the kernel has put below classes by itself, too.
  request.add(TCA_DUMP_INVISIBLE, nullptr, 0);
  std::vector<Qdisc> all;
  const int error = netlink::ask(NETLINK_ROUTE, request, [&](nlmsghdr* message) {
    if (message->nlmsg_type != RTM_NEWQDISC) return;
    const auto* body = static_cast<const tcmsg*>(NLMSG_DATA(message));
    if (message->nlmsg_len < NLMSG_LENGTH(sizeof *body)) return;
    if (static_cast<unsigned>(body->tcm_ifindex) != index || body->tcm_parent == TC_H_INGRESS) {
      return;
    }
    Qdisc qdisc{body->tcm_handle, body->tcm_parent, {}};
    netlink::for_each_attribute(message, sizeof *body, [&](rtattr* attribute) {
      if (attribute->rta_type == TCA_KIND) qdisc.kind = netlink::text_of(attribute);
    });
    all.push_back(std::move(qdisc));
  });
  for (const Qdisc& one : all) {
    const bool divided = std::any_of(all.begin(), all.end(), [&](const Qdisc& other) {
      return other.parent != TC_H_ROOT && TC_H_MAJ(other.parent) == one.handle && one.handle != 0;
    });
    if (divided) continue;
    if (std::find(kinds->begin(), kinds->end(), one.kind) == kinds->end()) {
      kinds->push_back(one.kind);
    }
  }
  return {error, "netlink(RTM_GETQDISC)"};
}

}  // namespace

Failure find_egress(const Address& remote, const std::string& interface, Egress* egress) {
  uint32_t bound = 0;
  if (!interface.empty()) {
    if (const Failure absent = interface_index(interface, &bound)) return absent;
  }
  unsigned index = 0;
  if (const Failure failed = find_interface(on_wire(remote), bound, &index)) return failed;
  char name[IF_NAMESIZE] = {};
  if (if_indextoname(index, name) != nullptr) egress->interface = name;
  return find_qdiscs(index, &egress->qdiscs);
}

}  // namespace zerosend
