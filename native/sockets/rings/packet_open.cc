// PacketSocket: opening. JavaScript thread.

#include <arpa/inet.h>
#include <linux/if_ether.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "kernel/interface.h"
#include "kernel/open.h"
#include "kernel/syscalls.h"
#include "sockets/rings/packet_socket.h"

namespace zerosend {
namespace {

// Where the payload of a frame begins: behind the header, without the address that only received
// frames have (packet_mmap.rst, "Transmission process").
constexpr uint32_t kPayloadOffset = TPACKET2_HDRLEN - sizeof(sockaddr_ll);
constexpr uint32_t kPage = 4096;
constexpr uint32_t kPreferredBlock = 65536;
constexpr uint64_t kLargestRing = uint64_t{1} << 31;

// Frames of a power of two, so that blocks hold a whole number of them and frame i of the mapping
// is simply at i times the size. Returns 0 or an errno.
int plan(const PacketOptions& options, tpacket_req* request) {
  if (options.frame_size == 0 || options.frame_size > (1u << 20) || options.frames == 0)
    return EINVAL;
  request->tp_frame_size = power_of_two(std::max(options.frame_size + kPayloadOffset, 128u));
  const uint32_t block = std::max(request->tp_frame_size, kPreferredBlock);
  const uint64_t wanted = uint64_t{request->tp_frame_size} * options.frames;
  if (wanted > kLargestRing) return ENOMEM;
  // A small ring is one block of a power of two; a larger one is rounded up to whole blocks.
  request->tp_block_size =
      wanted >= block ? block : std::max(power_of_two(static_cast<uint32_t>(wanted)), kPage);
  request->tp_block_nr =
      static_cast<uint32_t>((wanted + request->tp_block_size - 1) / request->tp_block_size);
  request->tp_frame_nr = request->tp_block_nr * (request->tp_block_size / request->tp_frame_size);
  return 0;
}

int set(int fd, int option, int value) {
  return sys.setsockopt(fd, SOL_PACKET, option, &value, sizeof value);
}

// Frames in flight are charged to the send buffer, with their overhead.
void size_send_buffer(int fd, const tpacket_req& request, uint32_t wanted) {
  const uint64_t ring = uint64_t{request.tp_frame_size + 1024} * request.tp_frame_nr;
  const int size =
      wanted > 0 ? static_cast<int>(wanted) : static_cast<int>(std::min<uint64_t>(ring, 1u << 30));
  if (sys.setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0) {
    sys.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  }
}

}  // namespace

Failure PacketSocket::open(const PacketOptions& options, int epoll_fd, InterfaceWatch& interfaces,
                           uint64_t first_id, std::shared_ptr<PacketSocket>* opened) {
  const auto failure = [](int fd, const char* call) {
    const Failure failed = Failure::of(call);
    if (fd >= 0) sys.close(fd);
    return failed;
  };
  uint32_t ifindex = 0;
  if (const Failure absent = interface_index(options.interface, &ifindex)) return absent;
  tpacket_req request{};
  if (const int error = plan(options, &request)) return {error, "setsockopt(PACKET_TX_RING)"};
  // Protocol 0: nothing is received.
  const int type = options.cooked ? SOCK_DGRAM : SOCK_RAW;
  const int fd = sys.socket(AF_PACKET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return Failure::of("socket");
  if (set(fd, PACKET_VERSION, TPACKET_V2) != 0) return failure(fd, "setsockopt(PACKET_VERSION)");
  if (options.qdisc_bypass && set(fd, PACKET_QDISC_BYPASS, 1) != 0) {
    return failure(fd, "setsockopt(PACKET_QDISC_BYPASS)");
  }
  if (options.virtio_net_header && set(fd, PACKET_VNET_HDR, 1) != 0) {
    return failure(fd, "setsockopt(PACKET_VNET_HDR)");
  }
  size_send_buffer(fd, request, options.send_buffer_size);
  // PACKET_LOSS stays off: with it a malformed frame is skipped and looks like a sent one.
  if (sys.setsockopt(fd, SOL_PACKET, PACKET_TX_RING, &request, sizeof request) != 0) {
    return failure(fd, "setsockopt(PACKET_TX_RING)");
  }
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = static_cast<int>(ifindex);
  if (sys.bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return failure(fd, "bind");
  }
  const size_t size = size_t{request.tp_block_size} * request.tp_block_nr;
  void* memory = sys.mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return failure(fd, "mmap");
  sys.madvise(memory, size, MADV_DONTFORK);
  const auto ring =
      Slab::adopt(static_cast<uint8_t*>(memory), size, request.tp_frame_size, kPayloadOffset,
                  request.tp_frame_size - kPayloadOffset, request.tp_frame_nr);
  std::shared_ptr<PacketSocket> socket(new PacketSocket(fd, epoll_fd, ring, options, first_id));
  socket->peer_.sll_ifindex = static_cast<int>(ifindex);
  if (options.virtio_net_header) socket->max_segments_ = probe_max_segments();
  const Failure failed = socket->begin(options.interface, ifindex, interfaces);
  if (failed) return failed;
  if (!options.cooked) socket->header_length_ = socket->link_header_.header_length;
  *opened = std::move(socket);
  return {};
}

PacketSocket::PacketSocket(int fd, int epoll_fd, const std::shared_ptr<Slab>& ring,
                           const PacketOptions& options, uint64_t first_id)
    : RingSocket(fd, epoll_fd, ring->slots(), first_id, ring),
      options_(options),
      frames_(memory_->slots()) {
  peer_.sll_family = AF_PACKET;
  peer_.sll_protocol = htons(options.protocol);
  peer_.sll_halen = options.destination_length;
  std::memcpy(peer_.sll_addr, options.destination, sizeof peer_.sll_addr);
  if (options.timestamps == Timestamps::kNone) return;
  stamps_ = std::make_unique<StampTracker>(options.timestamps, StampTracker::Keys::kCounted);
  timestamp_error_ = stamps_->start(fd_);
}

PacketSocket::~PacketSocket() { close_locked(); }

}  // namespace zerosend
