// XdpSocket: opening. JavaScript thread.

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "kernel/interface.h"
#include "kernel/netdev.h"
#include "kernel/syscalls.h"
#include "sockets/rings/xdp_socket.h"

namespace zerosend {
namespace {

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SOL_XDP
#define SOL_XDP 283
#endif
constexpr uint16_t kUseSg = 1 << 4;  // XDP_USE_SG, Linux 6.6

}  // namespace

// Tries the modes that the options allow, the best first: zero copy before copying, and in each
// mode packets of several frames (XDP_USE_SG) before packets of one. The mode is always named,
// since a kernel that is left to choose would give up zero copy for the sake of packets of several
// frames. bind(2) leaves the socket as it was when it fails. Where the queue is in use (EBUSY),
// nothing else is tried, and JavaScript opens the socket anew later.
Failure XdpSocket::bind_queue(const XdpOptions& options, uint32_t ifindex) {
  using Mode = XdpOptions::Mode;
  sockaddr_xdp address{};
  address.sxdp_family = AF_XDP;
  address.sxdp_ifindex = ifindex;
  address.sxdp_queue_id = options.queue;
  const auto bind_as = [&](uint16_t mode) NO_THREAD_SAFETY_ANALYSIS -> Failure {
    Failure failed;
    for (const uint16_t several : {kUseSg, uint16_t{0}}) {
      address.sxdp_flags = mode | XDP_USE_NEED_WAKEUP | several;
      if (sys.bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
        return {};
      }
      failed = Failure::of("bind");
      if (failed.error == EBUSY) break;
      multi_frame_error_ = failed.error;  // of the attempt before the one that succeeds
    }
    return failed;
  };
  if (options.mode != Mode::kCopy) {
    const Failure failed = bind_as(XDP_ZEROCOPY);
    if (!failed || options.mode == Mode::kZeroCopy || failed.error == EBUSY) return failed;
  }
  multi_frame_error_ = 0;
  return bind_as(XDP_COPY);
}

uint32_t XdpSocket::frames_of_packets(uint32_t ifindex) const {
  if (multi_frame_error_ != 0) return 1;
  if (!zerocopy_) return kCopiedFrames;
  return std::clamp(zerocopy_segments(ifindex), kZeroCopyFrames, kMostFrames);
}

// Registers the memory, makes the rings and binds.
Failure XdpSocket::set_up(const XdpOptions& options, uint32_t ifindex, InterfaceWatch& interfaces) {
  const auto set = [&](int option, const void* value, size_t size) NO_THREAD_SAFETY_ANALYSIS {
    return sys.setsockopt(fd_, SOL_XDP, option, value, static_cast<socklen_t>(size)) == 0;
  };
  // A page that a child process shares is copied at the next write to it, and the kernel goes on
  // with the one that it has pinned.
  if (sys.madvise(memory_->data(), memory_->size(), MADV_DONTFORK) != 0) {
    return Failure::of("madvise(MADV_DONTFORK)");
  }
  xdp_umem_reg memory{};
  memory.addr = reinterpret_cast<uint64_t>(memory_->data());
  memory.len = memory_->size();
  memory.chunk_size = static_cast<uint32_t>(memory_->slot_size());
  if (!set(XDP_UMEM_REG, &memory, sizeof memory)) return Failure::of("setsockopt(XDP_UMEM_REG)");
  memory_->share_with_kernel();
  // Room for every chunk at once, so that neither ring can be what a frame waits for. The fill ring
  // is for reception, but must exist.
  const uint32_t size = power_of_two(std::max(memory_->slots(), 64u));
  const uint32_t fill = 64;
  if (!set(XDP_UMEM_FILL_RING, &fill, sizeof fill))
    return Failure::of("setsockopt(XDP_UMEM_FILL_RING)");
  if (!set(XDP_UMEM_COMPLETION_RING, &size, sizeof size)) {
    return Failure::of("setsockopt(XDP_UMEM_COMPLETION_RING)");
  }
  if (!set(XDP_TX_RING, &size, sizeof size)) return Failure::of("setsockopt(XDP_TX_RING)");
  xdp_mmap_offsets offsets{};
  socklen_t length = sizeof offsets;
  if (sys.getsockopt(fd_, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &length) != 0) {
    return Failure::of("getsockopt(XDP_MMAP_OFFSETS)");
  }
  Failure failed = fill_.map(fd_, XDP_UMEM_PGOFF_FILL_RING, offsets.fr, fill);
  if (!failed) failed = completion_.map(fd_, XDP_UMEM_PGOFF_COMPLETION_RING, offsets.cr, size);
  if (!failed) failed = transmit_.map(fd_, XDP_PGOFF_TX_RING, offsets.tx, size);
  if (!failed) failed = bind_queue(options, ifindex);
  if (failed) return failed;
  xdp_options granted{};
  length = sizeof granted;
  if (sys.getsockopt(fd_, SOL_XDP, XDP_OPTIONS, &granted, &length) != 0) {
    return Failure::of("getsockopt(XDP_OPTIONS)");
  }
  zerocopy_ = (granted.flags & XDP_OPTIONS_ZEROCOPY) != 0;
  // Where the kernel copies, a kick ends with EBUSY after each packet that the device did not take:
  // its descriptors complete all the same (xsk_generic_xmit in net/xdp/xsk.c).
  busy_is_drop_ = !zerocopy_;
  max_frames_ = frames_of_packets(ifindex);
  return begin(options.interface, ifindex, interfaces);
}

Failure XdpSocket::open(const XdpOptions& options, int epoll_fd, InterfaceWatch& interfaces,
                        uint64_t first_id, std::shared_ptr<XdpSocket>* opened) {
  uint32_t ifindex = 0;
  if (const Failure absent = interface_index(options.interface, &ifindex)) return absent;
  // To be checked before the list of chunks is made, which has an entry for each. A slab that was
  // never touched costs no memory and may have billions of slots; the list would take gigabytes
  // before the kernel refused the slab.
  if (options.umem->slots() > kMostChunks) return {EINVAL, "setsockopt(XDP_UMEM_REG)"};
  const int fd = sys.socket(AF_XDP, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return Failure::of("socket");
  std::shared_ptr<XdpSocket> socket(new XdpSocket(fd, epoll_fd, options, first_id));
  const Failure failed = socket->set_up(options, ifindex, interfaces);
  if (!failed) *opened = std::move(socket);
  return failed;
}

}  // namespace zerosend
