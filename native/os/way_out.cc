#include "os/way_out.h"

#include <linux/netlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "os/syscalls.h"

namespace zerosend {
namespace {

// A request with a few attributes.
struct Request {
  nlmsghdr header{};
  union {
    rtmsg route;
    tcmsg qdisc;
    uint8_t attributes[256] = {};
  };

  Request(uint16_t type, uint16_t flags, size_t body) {
    header.nlmsg_type = type;
    header.nlmsg_flags = NLM_F_REQUEST | flags;
    header.nlmsg_len = static_cast<uint32_t>(NLMSG_LENGTH(body));
  }

  void add(uint16_t type, const void* data, size_t size) {
    auto* attribute =
        reinterpret_cast<rtattr*>(reinterpret_cast<uint8_t*>(this) + NLMSG_ALIGN(header.nlmsg_len));
    attribute->rta_type = type;
    attribute->rta_len = static_cast<uint16_t>(RTA_LENGTH(size));
    if (size > 0) std::memcpy(RTA_DATA(attribute), data, size);
    header.nlmsg_len = static_cast<uint32_t>(NLMSG_ALIGN(header.nlmsg_len) + RTA_SPACE(size));
  }
};

// Sends a request and visits each message of the answer. Returns 0 or an errno.
template <class Visit>
int ask(const Request& request, Visit&& visit) {
  const int fd = sys.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return errno;
  const auto finish = [fd](int error) {
    sys.close(fd);
    return error;
  };
  const uint32_t length = request.header.nlmsg_len;
  while (sys.sendto(fd, &request, length, 0, nullptr, 0) < 0) {
    if (errno != EINTR) return finish(errno);
  }
  alignas(nlmsghdr) uint8_t buffer[32768];
  for (;;) {
    // The kernel makes its answers within the calls, so there is nothing to wait for.
    const ssize_t size = sys.recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return finish(size < 0 ? errno : EPROTO);
    auto left = static_cast<uint32_t>(size);
    auto* message = reinterpret_cast<nlmsghdr*>(buffer);
    for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_type == NLMSG_DONE) return finish(0);
      if (message->nlmsg_type == NLMSG_ERROR) {
        return finish(-static_cast<const nlmsgerr*>(NLMSG_DATA(message))->error);
      }
      visit(message);
      if (!(message->nlmsg_flags & NLM_F_MULTI)) return finish(0);
    }
  }
}

// Calls `visit(attribute)` for each attribute behind a body of `size` bytes.
template <class Visit>
void for_each_attribute(nlmsghdr* message, size_t size, Visit&& visit) {
  if (message->nlmsg_len < NLMSG_LENGTH(size)) return;
  auto left = static_cast<uint32_t>(message->nlmsg_len - NLMSG_LENGTH(size));
  auto* attribute =
      reinterpret_cast<rtattr*>(static_cast<uint8_t*>(NLMSG_DATA(message)) + NLMSG_ALIGN(size));
  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) visit(attribute);
}

int find_interface(const Address& remote, unsigned bound, unsigned* index) {
  Request request(RTM_GETROUTE, 0, sizeof(rtmsg));
  request.route.rtm_family = static_cast<uint8_t>(remote.family());
  if (remote.family() == AF_INET) {
    request.route.rtm_dst_len = 32;
    request.add(RTA_DST, &remote.v4.sin_addr, sizeof remote.v4.sin_addr);
  } else {
    request.route.rtm_dst_len = 128;
    request.add(RTA_DST, &remote.v6.sin6_addr, sizeof remote.v6.sin6_addr);
    if (bound == 0) bound = remote.v6.sin6_scope_id;
  }
  if (bound != 0) request.add(RTA_OIF, &bound, sizeof bound);
  *index = 0;
  const int error = ask(request, [&](nlmsghdr* message) {
    if (message->nlmsg_type != RTM_NEWROUTE) return;
    for_each_attribute(message, sizeof(rtmsg), [&](rtattr* attribute) {
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
  Request request(RTM_GETQDISC, NLM_F_DUMP, sizeof(tcmsg));
  // Those, too, that the kernel has put below classes by itself.
  request.add(TCA_DUMP_INVISIBLE, nullptr, 0);
  std::vector<Qdisc> all;
  const int error = ask(request, [&](nlmsghdr* message) {
    if (message->nlmsg_type != RTM_NEWQDISC) return;
    const auto* body = static_cast<const tcmsg*>(NLMSG_DATA(message));
    if (message->nlmsg_len < NLMSG_LENGTH(sizeof *body)) return;
    if (static_cast<unsigned>(body->tcm_ifindex) != index || body->tcm_parent == TC_H_INGRESS) {
      return;
    }
    Qdisc qdisc{body->tcm_handle, body->tcm_parent, {}};
    for_each_attribute(message, sizeof *body, [&](rtattr* attribute) {
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
      way.error = errno;
      way.syscall = "if_nametoindex";
      return way;
    }
  }
  unsigned index = 0;
  way.syscall = "netlink(RTM_GETROUTE)";
  way.error = find_interface(remote, bound, &index);
  if (way.error != 0) return way;
  way.syscall = "netlink(RTM_GETQDISC)";
  way.error = find_qdiscs(index, &way.qdiscs);
  char name[IF_NAMESIZE] = {};
  if (if_indextoname(index, name) != nullptr) way.interface = name;
  return way;
}

}  // namespace zerosend
