#include "kernel/offload.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

#include <algorithm>

namespace zerosend {
namespace {

constexpr uint32_t kIp4Header = 20;
constexpr uint32_t kIp6Header = 40;
constexpr uint32_t kTcpHeader = 20;
constexpr uint32_t kUdpHeader = 8;
constexpr uint32_t kTcpChecksum = 16;  // offset of the checksum in the header of TCP
constexpr uint32_t kUdpChecksum = 6;
// The kernel uses this size as a mark with another meaning (GSO_BY_FRAGS).
constexpr uint16_t kNotASize = 0xffff;
// The kernel counts from the beginning of its buffer, in 16 bits, and puts headroom before a frame.
constexpr uint32_t kMostHeadroom = 2048;

uint16_t big_endian(const uint8_t* at) { return static_cast<uint16_t>(at[0] << 8 | at[1]); }

// What a frame contains: the EtherType behind any VLAN tags (without a link header, the one that
// belongs to the version of IP), and where the content begins. The type is 0 where it is not known.
struct Content {
  uint16_t type = 0;
  uint32_t at = 0;
};

Content content_of(const uint8_t* frame, uint32_t length, uint32_t header_length) {
  if (header_length == 0) {
    const int version = frame[0] >> 4;
    return {static_cast<uint16_t>(version == 4 ? ETH_P_IP : version == 6 ? ETH_P_IPV6 : 0), 0};
  }
  if (header_length != ETH_HLEN || length < ETH_HLEN) return {};
  uint32_t at = ETH_HLEN;
  uint16_t type = big_endian(frame + at - 2);
  while ((type == ETH_P_8021Q || type == ETH_P_8021AD) && at + 4 <= length) {
    at += 4;
    type = big_endian(frame + at - 2);
  }
  return {type, at};
}

// Returns whether the protocol that is to be segmented can follow the IP header.
bool ip_fits(const uint8_t* frame, uint32_t length, Content content, uint8_t wanted) {
  const bool four = content.type == ETH_P_IP;
  if (content.at + (four ? kIp4Header : kIp6Header) > length) return false;
  const uint8_t* header = frame + content.at;
  if (header[0] >> 4 != (four ? 4 : 6) || (four && (header[0] & 15) < 5)) return false;
  switch (const uint8_t protocol = header[four ? 9 : 6]) {
    case IPPROTO_IPIP:
    case IPPROTO_IPV6:
    case IPPROTO_GRE:
      return true;  // a tunnel, whose content is not checked
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_DSTOPTS:
      return !four;
    default:
      return protocol == wanted;
  }
}

// Returns whether the header gives a possible length of itself. With any other length segmenting
// fails, and a device without a queue answers ENOMEM each time.
bool tcp_header_fits(const uint8_t* header, uint32_t length) {
  const uint32_t size = (header[12] >> 4) * 4u;
  return size >= kTcpHeader && size <= length;
}

bool protocol_fits(uint8_t gso_type, const uint8_t* frame, uint32_t length,
                   uint32_t header_length) {
  const Content content = content_of(frame, length, header_length);
  const bool tcp = gso_type == OffloadHeader::kTcp4 || gso_type == OffloadHeader::kTcp6;
  if (content.type != ETH_P_IP && content.type != ETH_P_IPV6) return false;
  if (gso_type == OffloadHeader::kTcp4 && content.type != ETH_P_IP) return false;
  if (gso_type == OffloadHeader::kTcp6 && content.type != ETH_P_IPV6) return false;
  return ip_fits(frame, length, content, tcp ? IPPROTO_TCP : IPPROTO_UDP);
}

}  // namespace

bool offload_fits(const OffloadHeader& offload, const uint8_t* frame, uint32_t length,
                  uint32_t header_length, uint32_t max_segments) {
  const bool checksum = (offload.flags & OffloadHeader::kNeedsChecksum) != 0;
  const uint32_t start = offload.csum_start;
  const uint32_t offset = offload.csum_offset;
  const uint32_t checksum_end = start + offset + 2;
  if (length < std::max(header_length, 1u) || offload.hdr_len > length) return false;
  if (checksum) {
    if (checksum_end > length || start + kMostHeadroom > UINT16_MAX) return false;
    // offsets count from the beginning of the frame, with or without a link header
    if (start < kIp4Header) return false;
  }
  if (!offload.segments()) return true;

  // Segmenting needs new checksums, so the header has to say where they are.
  if (!checksum || offload.gso_size == 0 || offload.gso_size == kNotASize) return false;
  const auto type = static_cast<uint8_t>(offload.gso_type & ~OffloadHeader::kEcn);
  if (!protocol_fits(type, frame, length, header_length)) return false;
  switch (type) {
    case OffloadHeader::kTcp4:
    case OffloadHeader::kTcp6:
      if (type == OffloadHeader::kTcp6 && start < kIp6Header) return false;
      return offset == kTcpChecksum && start + kTcpHeader <= length &&
             tcp_header_fits(frame + start, length - start);
    case OffloadHeader::kUdp:
      return start + kUdpHeader <= length;
    case OffloadHeader::kUdpL4: {
      if (offload.gso_type != type || offset != kUdpChecksum) return false;
      const uint32_t headers = start + kUdpHeader;
      return headers <= length && length - headers <= uint32_t{offload.gso_size} * max_segments;
    }
    default:
      return false;
  }
}

}  // namespace zerosend
