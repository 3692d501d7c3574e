#include "kernel/socket_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "kernel/syscalls.h"

namespace zerosend {
namespace {

constexpr SocketOption::Place kNone = {0, 0, ""};

}  // namespace

const SocketOption kSocketOptions[] = {
    {"reuseAddress", {SOL_SOCKET, SO_REUSEADDR, "setsockopt(SO_REUSEADDR)"}, kNone},
    {"reusePort", {SOL_SOCKET, SO_REUSEPORT, "setsockopt(SO_REUSEPORT)"}, kNone},
    {"ttl",
     {IPPROTO_IP, IP_TTL, "setsockopt(IP_TTL)"},
     {IPPROTO_IPV6, IPV6_UNICAST_HOPS, "setsockopt(IPV6_UNICAST_HOPS)"}},
    {"tos",
     {IPPROTO_IP, IP_TOS, "setsockopt(IP_TOS)"},
     {IPPROTO_IPV6, IPV6_TCLASS, "setsockopt(IPV6_TCLASS)"}},
    {"priority", {SOL_SOCKET, SO_PRIORITY, "setsockopt(SO_PRIORITY)"}, kNone},
    {"mark", {SOL_SOCKET, SO_MARK, "setsockopt(SO_MARK)"}, kNone},
    {"broadcast", {SOL_SOCKET, SO_BROADCAST, "setsockopt(SO_BROADCAST)"}, kNone},
    {"multicastTtl",
     {IPPROTO_IP, IP_MULTICAST_TTL, "setsockopt(IP_MULTICAST_TTL)"},
     {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, "setsockopt(IPV6_MULTICAST_HOPS)"}},
    {"multicastLoop",
     {IPPROTO_IP, IP_MULTICAST_LOOP, "setsockopt(IP_MULTICAST_LOOP)"},
     {IPPROTO_IPV6, IPV6_MULTICAST_LOOP, "setsockopt(IPV6_MULTICAST_LOOP)"}},
    {"multicastInterface",
     {IPPROTO_IP, IP_MULTICAST_IF, "setsockopt(IP_MULTICAST_IF)"},
     {IPPROTO_IPV6, IPV6_MULTICAST_IF, "setsockopt(IPV6_MULTICAST_IF)"},
     true},
    {"keepAliveIdle", {IPPROTO_TCP, TCP_KEEPIDLE, "setsockopt(TCP_KEEPIDLE)"}, kNone},
    {"keepAliveInterval", {IPPROTO_TCP, TCP_KEEPINTVL, "setsockopt(TCP_KEEPINTVL)"}, kNone},
    {"keepAliveProbes", {IPPROTO_TCP, TCP_KEEPCNT, "setsockopt(TCP_KEEPCNT)"}, kNone},
    {"keepAlive", {SOL_SOCKET, SO_KEEPALIVE, "setsockopt(SO_KEEPALIVE)"}, kNone},
    {"userTimeout", {IPPROTO_TCP, TCP_USER_TIMEOUT, "setsockopt(TCP_USER_TIMEOUT)"}, kNone},
};
const size_t kSocketOptionCount = sizeof kSocketOptions / sizeof *kSocketOptions;

const SocketOption* find_socket_option(const std::string& name) {
  for (const SocketOption& option : kSocketOptions) {
    if (name == option.name) return &option;
  }
  return nullptr;
}

Failure set_socket_option(int fd, int family, const SocketOption& option, int value) {
  const auto& [level6, option6, call6] = option.v6;
  if (family == AF_INET6 && level6 != 0 &&
      sys.setsockopt(fd, level6, option6, &value, sizeof value) != 0) {
    return Failure::of(call6);
  }
  const auto& [level, number, call] = option.any;
  ip_mreqn device{};  // IPv4 takes the index of an interface only within a structure
  device.imr_ifindex = value;
  const bool is_device = option.is_interface;
  const void* const given = is_device ? static_cast<const void*>(&device) : &value;
  const auto size = static_cast<socklen_t>(is_device ? sizeof device : sizeof value);
  return sys.setsockopt(fd, level, number, given, size) != 0 ? Failure::of(call) : Failure{};
}

// For the multicast interface, IPv4 returns an address and not the index that was set, so it is not
// asked.
bool get_socket_option(int fd, int family, const SocketOption& option, int* value) {
  const bool v6 = family == AF_INET6 && option.v6.level != 0;
  if (!v6 && option.is_interface) return false;
  const SocketOption::Place& place = v6 ? option.v6 : option.any;
  socklen_t length = sizeof *value;
  return sys.getsockopt(fd, place.level, place.option, value, &length) == 0;
}

}  // namespace zerosend
