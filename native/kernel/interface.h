#pragma once

#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

#include "kernel/link_header.h"
#include "kernel/syscalls.h"

namespace zerosend {

// The MTU of a network interface (netdevice(7), SIOCGIFMTU). Returns 0 or an errno. Asks through a
// socket of its own: AF_XDP sockets answer no such call. And its type (SIOCGIFHWADDR), where `link`
// is given.
inline int interface_mtu(const std::string& name, uint32_t* mtu, LinkHeader* link = nullptr) {
  ifreq request{};
  std::memcpy(request.ifr_name, name.data(), std::min(name.size(), sizeof request.ifr_name - 1));
  const int fd = sys.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  int error = sys.ioctl(fd, SIOCGIFMTU, &request) == 0 ? 0 : errno;
  if (error == 0) *mtu = static_cast<uint32_t>(request.ifr_mtu);
  if (error == 0 && link != nullptr) {
    error = sys.ioctl(fd, SIOCGIFHWADDR, &request) == 0 ? 0 : errno;
    if (error == 0) *link = LinkHeader::of(request.ifr_hwaddr.sa_family);
  }
  sys.close(fd);
  return error;
}

}  // namespace zerosend
