#include "testing/no_segmentation.h"

#include <netinet/in.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "kernel/too_many_segments.h"

namespace zerosend {
namespace {

std::atomic<int> refused_port{0};

}  // namespace

void refuse_segments(int port) { refused_port = port; }

// The condition under which the kernel refuses a datagram of a socket with UDP_SEGMENT on a route
// without segmentation.
bool refuses_segments(int fd, const sockaddr* to, const msghdr* message) {
  const int refused = refused_port;
  if (refused == 0) return false;
  int segment = 0;
  socklen_t length = sizeof segment;
  if (::getsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, &length) != 0 || segment == 0) {
    return false;
  }
  auto* all = const_cast<msghdr*>(message);
  cmsghdr* header = message == nullptr ? nullptr : CMSG_FIRSTHDR(all);
  for (; header != nullptr; header = CMSG_NXTHDR(all, header)) {
    uint16_t own = 0;
    if (header->cmsg_level != IPPROTO_UDP || header->cmsg_type != UDP_SEGMENT) continue;
    std::memcpy(&own, CMSG_DATA(header), sizeof own);
    if (own == 0) return false;
  }
  if (refused == kEveryPort) return true;
  sockaddr_storage peer{};
  length = sizeof peer;
  if (to == nullptr && ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) == 0) {
    to = reinterpret_cast<const sockaddr*>(&peer);
  }
  if (to == nullptr) return false;
  // The port has the same offset in the addresses of both families.
  return ntohs(reinterpret_cast<const sockaddr_in*>(to)->sin_port) == refused;
}

int refuse_late(int fd, int flags) {
  if (flags & MSG_ZEROCOPY) {
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    auto* to = reinterpret_cast<sockaddr*>(&peer);
    if (::getpeername(fd, to, &length) != 0) {
      length = sizeof peer;
      ::getsockname(fd, to, &length);
      ::sendmsg(fd, TooManySegments(to, length).message(), flags);
    } else {
      ::sendmsg(fd, TooManySegments(nullptr, 0).message(), flags);
    }
  }
  errno = EIO;
  return -1;
}

}  // namespace zerosend
