#include "kernel/way_out.h"

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "kernel/netlink.h"

namespace zerosend {
namespace {

// Packets for an IPv4 address that is written as an IPv6 one take the routes of IPv4.
Address on_wire(const Address& address) {
  if (address.family() != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&address.v6.sin6_addr)) return address;
  Address v4;
  v4.v4.sin_family = AF_INET;
  v4.v4.sin_port = address.v6.sin6_port;
  std::memcpy(&v4.v4.sin_addr, &address.v6.sin6_addr.s6_addr[12], sizeof v4.v4.sin_addr);
  v4.length = sizeof v4.v4;
  return v4;
}

int find_interface(const Address& remote, unsigned bound, unsigned* index) {
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
  const int error = netlink::ask(NETLINK_ROUTE, request, [&](nlmsghdr* message) {
    if (message->nlmsg_type != RTM_NEWROUTE) return;
    netlink::for_each_attribute(message, sizeof(rtmsg), [&](rtattr* attribute) {
      if (attribute->rta_type == RTA_OIF && RTA_PAYLOAD(attribute) >= sizeof *index) {
        std::memcpy(index, RTA_DATA(attribute), sizeof *index);
      }
    });
  });
  return error != 0 ? error : *index == 0 ? ENETUNREACH : 0;
}

struct Qdisc {
  uint32_t handle;
  uint32_t parent;
  std::string kind;
};

int find_qdiscs(unsigned index, std::vector<std::string>* kinds) {
  netlink::Request<tcmsg> request(RTM_GETQDISC, NLM_F_DUMP);
  // Those, too, that the kernel has put below classes by itself.
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
      if (attribute->rta_type != TCA_KIND) return;
      const auto* text = static_cast<const char*>(RTA_DATA(attribute));
      qdisc.kind.assign(text, strnlen(text, RTA_PAYLOAD(attribute)));
    });
    all.push_back(std::move(qdisc));
  });
  if (error != 0) return error;
  for (const Qdisc& one : all) {
    const bool divided = std::any_of(all.begin(), all.end(), [&](const Qdisc& other) {
      return other.parent != TC_H_ROOT && TC_H_MAJ(other.parent) == one.handle && one.handle != 0;
    });
    if (divided) continue;
    if (std::find(kinds->begin(), kinds->end(), one.kind) == kinds->end()) {
      kinds->push_back(one.kind);
    }
  }
  return 0;
}

}  // namespace

WayOut find_way_out(const Address& remote, const std::string& interface) {
  WayOut way;
  unsigned bound = 0;
  if (!interface.empty()) {
    bound = if_nametoindex(interface.c_str());
    if (bound == 0) {
      way.failed = Failure::of("if_nametoindex");
      return way;
    }
  }
  unsigned index = 0;
  way.failed = {find_interface(on_wire(remote), bound, &index), "netlink(RTM_GETROUTE)"};
  if (way.failed) return way;
  way.failed = {find_qdiscs(index, &way.qdiscs), "netlink(RTM_GETQDISC)"};
  char name[IF_NAMESIZE] = {};
  if (if_indextoname(index, name) != nullptr) way.interface = name;
  return way;
}

}  // namespace zerosend
