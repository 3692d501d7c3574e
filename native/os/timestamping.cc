#include "os/timestamping.h"

#include <linux/net_tstamp.h>
#include <sys/socket.h>
#include <time.h>

#include <cerrno>

#include "os/syscalls.h"

namespace zerosend {
namespace {

// Linux 6.2; older kernels count a stream from its first byte anyway, which is where we enable it.
constexpr unsigned kOptIdTcp = 1u << 16;

}  // namespace

int enable_timestamps(int fd, Timestamps kind, bool stream) {
  // OPT_TSONLY: without it each timestamp would carry a copy of the packet.
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

void StampTracker::restart(int fd) {
  if (stream_) return;
  const unsigned off = 0;
  sys.setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &off, sizeof off);
  start(fd);
  position_ = 0;
  book_ = StampBook{};
}

uint64_t realtime_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace zerosend
