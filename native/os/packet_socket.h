#pragma once

#include <linux/if_packet.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "os/ring_socket.h"

namespace zerosend {

// virtio_net_hdr of the virtio specification (5.1.6.1), in host byte order, as PACKET_VNET_HDR puts
// it before each frame. The kernel's own header is not valid C++.
struct OffloadHeader {
  static constexpr uint8_t kNeedsChecksum = 1;
  static constexpr uint8_t kNone = 0;
  static constexpr uint8_t kTcp4 = 1;
  static constexpr uint8_t kUdp = 3;
  static constexpr uint8_t kTcp6 = 4;
  static constexpr uint8_t kUdpL4 = 5;
  static constexpr uint8_t kEcn = 0x80;

  uint8_t flags;
  uint8_t gso_type;
  uint16_t hdr_len;
  uint16_t gso_size;
  uint16_t csum_start;
  uint16_t csum_offset;
};
static_assert(sizeof(OffloadHeader) == 10, "as on the wire");

struct PacketOptions {
  std::string interface;
  uint32_t frames = 0;
  uint32_t frame_size = 0;  // bytes of payload that a frame must hold
  bool qdisc_bypass = false;
  bool virtio_net_header = false;
  // Link layer by the kernel (SOCK_DGRAM): protocol and destination; else frames are complete.
  bool cooked = false;
  uint16_t protocol = 0;
  uint8_t destination[8] = {};
  uint8_t destination_length = 0;
  uint32_t send_buffer_size = 0;
  Timestamps timestamps = Timestamps::kNone;
};

// An AF_PACKET socket with a transmit ring (TPACKET_V2, Documentation/networking/packet_mmap.rst).
// The ring is the pool: slot i of the slab is the payload of frame i.
//
//        tail              submit
//          v                  v
//   [ - ][ K ][ K ][ R ][ R ][ h ][ w ][ - ]     K the kernel has it   R asked for, not kicked yet
//                                                h held by a user      w waits for the one before
//                                                it
//
// The kernel walks the ring in order and stops at the first frame that is not SEND_REQUEST, so
// frames are handed over in ring order, and come back to be looked for at the tail.
class PacketSocket final : public RingSocket {
 public:
  // Opens the socket and maps its ring. Returns null with the call that failed in `*syscall` and
  // its errno in `*error`.
  static std::shared_ptr<PacketSocket> open(const PacketOptions& options, int epoll_fd,
                                            uint64_t first_id, int* error, const char** syscall);
  ~PacketSocket() override;

  const std::shared_ptr<Slab>& ring() const { return memory_; }
  uint32_t max_length() const { return max_length_; }
  uint32_t mtu() const { return mtu_; }
  uint32_t header_length() const { return header_length_; }

 private:
  friend class RingSocket;

  struct Frame {
    // kGivenUp: the kernel has it, and its id has completed
    enum class State : uint8_t { kIdle, kWaiting, kSubmitted, kGivenUp };
    uint64_t id = 0;  // this and the length are of a frame that is not idle
    uint32_t length = 0;
    State state = State::kIdle;
    bool copied = false;
  };

  PacketSocket(int fd, int epoll_fd, const std::shared_ptr<Slab>& ring,
               const PacketOptions& options, uint64_t first_id);

  int read_interface();
  tpacket2_hdr* header(uint32_t index) const;
  uint32_t status(uint32_t index) const;
  int check(Part frame) const override;
  int check_offload(Part frame) const;
  void submit_waiting();
  void hand_over(Frame& frame);
  void withdraw();
  uint32_t after(uint32_t index) const { return index + 1 == frames_.size() ? 0 : index + 1; }
  uint32_t before(uint32_t index) const { return index == 0 ? frames_.size() - 1 : index - 1; }

  int32_t do_send_many(const Source* sources, size_t count) override;
  int32_t do_send_run(const Run& run) override;
  int32_t put(Part part, bool copied) override;
  size_t queued() const override { return waiting_; }
  void fail_queued() override;
  void cut_off() override;
  void revoke() override;
  bool under_way() const override { return submitted_ > 0; }
  void kick() override;
  size_t reap() override;
  State do_state() const override;
  void read_stamps();

  const PacketOptions options_;
  sockaddr_ll peer_{};  // of a cooked socket
  uint32_t ifindex_ = 0;
  uint32_t mtu_ = 0;
  uint32_t header_length_ = 0;  // of the link layer
  uint32_t max_length_ = 0;

  std::vector<Frame> frames_;
  uint32_t submit_ = 0;     // the next frame to hand over
  uint32_t tail_ = 0;       // the first that the kernel has
  uint32_t submitted_ = 0;  // frames from tail_ to submit_
  int timestamp_error_ = 0;
  uint32_t waiting_ = 0;  // frames behind one that is not there yet
};

}  // namespace zerosend
