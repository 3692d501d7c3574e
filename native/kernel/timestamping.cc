#include "kernel/timestamping.h"

#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "kernel/syscalls.h"

namespace zerosend {
namespace {

// SOF_TIMESTAMPING_OPT_ID_TCP of Linux 6.2. Older kernels count a stream from its first byte, which
// is the same here, since timestamps are enabled before anything is sent.
constexpr unsigned kOptIdTcp = 1u << 16;

uint64_t nanoseconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

int enable_timestamps(int fd, Timestamps kind, bool stream) {
  // Without OPT_TSONLY each timestamp would carry a copy of the packet.
  unsigned flags = SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY |
                   SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_TX_SCHED;
  if (kind == Timestamps::kHardware) {
    flags |= SOF_TIMESTAMPING_TX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE;
  } else {
    flags |= SOF_TIMESTAMPING_TX_SOFTWARE;
  }
  if (stream) flags |= SOF_TIMESTAMPING_TX_ACK;
  unsigned with_id = flags | (stream ? kOptIdTcp : 0);
  if (sys.setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &with_id, sizeof with_id) == 0) return 0;
  if (!stream || errno != EINVAL) return errno;
  return sys.setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags) == 0 ? 0 : errno;
}

bool kernel_takes_keys() {
  static std::atomic<int> known{-1};
  if (known >= 0) return known != 0;
  const int fd = sys.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  // The datagram is for the broadcast address, so nothing is ever sent: the kernel refuses that to
  // a socket without SO_BROADCAST. But first it parses the control message, and answers EINVAL for
  // a type that it does not know.
  sockaddr_in everybody{};
  everybody.sin_family = AF_INET;
  everybody.sin_port = htons(9);
  everybody.sin_addr.s_addr = INADDR_BROADCAST;
  uint8_t byte = 0;
  iovec part{&byte, 1};
  msghdr message{};
  message.msg_name = &everybody;
  message.msg_namelen = sizeof everybody;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  StampKey key;
  key.attach(&message);
  if (enable_timestamps(fd, Timestamps::kSoftware, false) == 0 &&
      sys.sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
    if (errno == EACCES || errno == ENETUNREACH) known = 1;
    if (errno == EINVAL) known = 0;
  }
  sys.close(fd);
  return known == 1;
}

StampKey::StampKey(uint32_t key) {
  msghdr message{};
  attach(&message);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = kStampKeyType;
  header->cmsg_len = CMSG_LEN(sizeof key);
  std::memcpy(CMSG_DATA(header), &key, sizeof key);
}

void StampTracker::refused(int fd) {
  if (keys_ == Keys::kPositions) return;
  ++position_;
  if (keys_ == Keys::kNamed || paused_) return;
  paused_ = true;
  const unsigned off = 0;
  sys.setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &off, sizeof off);
}

void StampTracker::resume(int fd) {
  book_ = StampBook{};
  position_ = 0;
  paused_ = start(fd) != 0;
}

Instant instant_of_send() {
  Instant now;
  now.monotonic = nanoseconds(CLOCK_MONOTONIC);
  now.real = nanoseconds(CLOCK_REALTIME);
  return now;
}

Instant instant_of_reading() {
  Instant now;
  now.real = nanoseconds(CLOCK_REALTIME);
  now.monotonic = nanoseconds(CLOCK_MONOTONIC);
  return now;
}

}  // namespace zerosend
