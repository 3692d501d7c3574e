#include "kernel/open.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>

#include "kernel/syscalls.h"
#include "kernel/too_many_segments.h"

namespace zerosend {
namespace {

#ifndef SO_MAX_PACING_RATE
#define SO_MAX_PACING_RATE 47
#endif
// The kernel's default holds three sends of 64 KB, too few for their notifications to coalesce. The
// kernel grants as much of this size as net.core.wmem_max allows.
constexpr int kUdpSendBuffer = 4 << 20;

int set(int fd, int level, int option, int value) {
  return sys.setsockopt(fd, level, option, &value, sizeof value);
}

// Closes the descriptor, if any, and keeps the errno of the call that failed.
Opened failure(int fd, const Failure& failed) {
  Opened opened;
  opened.failed = failed;
  if (fd >= 0) sys.close(fd);
  return opened;
}
Opened failure(int fd, const char* call) { return failure(fd, Failure::of(call)); }

// Makes a socket, and sets the options that both protocols need before they bind or connect.
Opened open_common(int type, const OpenOptions& options, int send_buffer) {
  Opened opened;
  opened.fd = sys.socket(options.family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (opened.fd < 0) return failure(-1, "socket");
  if (!options.interface.empty() &&
      sys.setsockopt(opened.fd, SOL_SOCKET, SO_BINDTODEVICE, options.interface.c_str(),
                     static_cast<socklen_t>(options.interface.size() + 1)) != 0) {
    return failure(opened.fd, "setsockopt(SO_BINDTODEVICE)");
  }
  for (const auto& [option, value] : options.settings) {
    if (const Failure failed = set_socket_option(opened.fd, options.family, *option, value)) {
      return failure(opened.fd, failed);
    }
  }
  if (send_buffer > 0 && set(opened.fd, SOL_SOCKET, SO_SNDBUF, send_buffer) != 0) {
    return failure(opened.fd, "setsockopt(SO_SNDBUF)");
  }
  // The rate is passed as a long, which the kernel takes since 4.20: an int would end at 4 GiB a
  // second.
  const auto rate = static_cast<unsigned long>(options.max_pacing_rate);
  if (rate > 0 &&
      sys.setsockopt(opened.fd, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof rate) != 0) {
    return failure(opened.fd, "setsockopt(SO_MAX_PACING_RATE)");
  }
  if (options.zerocopy && set(opened.fd, SOL_SOCKET, SO_ZEROCOPY, 1) != 0) {
    opened.zerocopy_error = errno;
  }
  return opened;
}

}  // namespace

Opened open_tcp(const OpenOptions& options) {
  // There is no default size here, since SO_SNDBUF would switch the kernel's autotuning off.
  Opened opened = open_common(SOCK_STREAM, options, static_cast<int>(options.send_buffer_size));
  if (opened.fd < 0) return opened;
  // With Nagle's algorithm the end of a buffer would wait for an acknowledgement, and its
  // completion as well.
  if (set(opened.fd, IPPROTO_TCP, TCP_NODELAY, 1) != 0) {
    return failure(opened.fd, "setsockopt(TCP_NODELAY)");
  }
  if (options.local.length > 0) {
    // Where only an address is given, connect(2) is to choose the port: bind(2) would take one that
    // no other connection has, though connections to other peers could share it (ip(7), Linux 4.2).
    // A kernel that refuses the option only loses that.
    if (options.local.port() == 0) set(opened.fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    if (sys.bind(opened.fd, &options.local.base, options.local.length) != 0) {
      return failure(opened.fd, "bind");
    }
  }
  while (sys.connect(opened.fd, &options.remote.base, options.remote.length) != 0) {
    if (errno == EINPROGRESS) break;
    if (errno != EINTR) return failure(opened.fd, "connect");
  }
  return opened;
}

Opened open_udp(const OpenOptions& options) {
  const int size =
      options.send_buffer_size > 0 ? static_cast<int>(options.send_buffer_size) : kUdpSendBuffer;
  Opened opened = open_common(SOCK_DGRAM, options, size);
  if (opened.fd < 0) return opened;
  // The socket never receives. Input that stayed in its receive buffer would take memory, and would
  // leave no room for timestamps, which are charged to the same buffer: any peer could switch them
  // off. So a filter drops all input (sk_filter_trim_cap in udp_queue_rcv_one_skb). It is set
  // before the socket has an address at which it could be reached. ICMP errors and the error queue
  // do not pass the filter.
  sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog program{1, &drop};
  if (sys.setsockopt(opened.fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) {
    return failure(opened.fd, "setsockopt(SO_ATTACH_FILTER)");
  }
  if (options.segment_size > 0 &&
      set(opened.fd, IPPROTO_UDP, UDP_SEGMENT, static_cast<int>(options.segment_size)) != 0) {
    return failure(opened.fd, "setsockopt(UDP_SEGMENT)");
  }
  if (options.local.length > 0 &&
      sys.bind(opened.fd, &options.local.base, options.local.length) != 0) {
    return failure(opened.fd, "bind");
  }
  if (options.remote.length > 0 &&
      sys.connect(opened.fd, &options.remote.base, options.remote.length) != 0) {
    return failure(opened.fd, "connect");
  }
  return opened;
}

uint32_t probe_max_segments() {
  constexpr uint32_t kOld = 64;
  constexpr uint32_t kNew = 128;
  static std::atomic<uint32_t> known{0};
  if (known != 0) return known;
  Address self;
  Address::parse("127.0.0.1", 0, &self);
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return kOld;
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  const uint8_t payload[kNew] = {};
  if (::bind(fd, &self.base, self.length) == 0 &&
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length) == 0 &&
      ::connect(fd, reinterpret_cast<const sockaddr*>(&bound), length) == 0 &&
      set(fd, IPPROTO_UDP, UDP_SEGMENT, 1) == 0) {
    const bool more = ::send(fd, payload, sizeof payload, MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
    // Any other failure (no descriptor left, loopback down) says nothing about segments, and may be
    // temporary.
    if (more || errno == EINVAL) known = more ? kNew : kOld;
  }
  ::close(fd);
  return known != 0 ? known.load() : kOld;
}

}  // namespace zerosend
