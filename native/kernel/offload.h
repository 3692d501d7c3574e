#pragma once

#include <cstdint>

namespace zerosend {

// The virtio_net_hdr of the virtio specification (5.1.6.1), in host byte order, which
// PACKET_VNET_HDR puts before each frame. The kernel's own header is not valid C++.
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

  bool segments() const { return gso_type != kNone; }
};
static_assert(sizeof(OffloadHeader) == 10, "as on the wire");

// Returns whether the kernel takes a frame with this offload header. Repeats the checks of
// tpacket_snd() and __packet_snd_vnet_parse() (net/packet/af_packet.c), virtio_net_hdr_to_skb()
// (include/linux/virtio_net.h) and skb_partial_csum_set() (net/core/skbuff.c). Checks as well that
// the headers are those of the protocol that is to be segmented: otherwise a queueing discipline
// drops the frame silently, and a device without one refuses it each time. Kernels differ in their
// checks; what passes here passes all of them.
//
// `frame` is what follows the offload header, `length` bytes with a link header of `header_length`.
bool offload_fits(const OffloadHeader& offload, const uint8_t* frame, uint32_t length,
                  uint32_t header_length, uint32_t max_segments);

}  // namespace zerosend
