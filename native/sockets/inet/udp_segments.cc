// UdpSocket: sends of UDP_SEGMENT whose way out has no segmentation. Under the lock, on either
// thread.

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "kernel/syscalls.h"
#include "kernel/too_many_segments.h"
#include "sockets/inet/udp_socket.h"

namespace zerosend {
namespace {

// The route may change at any time, so the whole is tried again: after one send, then after two,
// four, and so on up to this number. So the cost of a try is spread over ever more sends.
constexpr uint32_t kLongestSpan = 256;

template <class Value>
void put_control(msghdr* message, void* room, size_t at, int level, int type, Value value) {
  auto* header = reinterpret_cast<cmsghdr*>(static_cast<uint8_t*>(room) + at);
  header->cmsg_level = level;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(sizeof value);
  std::memcpy(CMSG_DATA(header), &value, sizeof value);
  message->msg_controllen = at + CMSG_SPACE(sizeof value);
}

}  // namespace

// The datagrams of one call, each with the control messages that make it one by itself.
struct UdpSocket::Splitting {
  static constexpr size_t kSize = 64;
  static constexpr size_t kSegmentAt = 0;
  static constexpr size_t kStampAt = CMSG_SPACE(sizeof(uint16_t));
  struct Control {
    alignas(cmsghdr) uint8_t bytes[kStampAt + CMSG_SPACE(sizeof(uint32_t))];
  };

  uint32_t size = 0;    // of a segment; 0: nothing is split
  uint32_t span = 0;    // sends between two tries of the whole
  uint32_t left = 0;    // of those, the ones to come
  Address destination;  // of the send that was refused

  mmsghdr messages[kSize]{};
  iovec vectors[kSize + kMostExtents]{};  // one more for each border within a segment
  Control controls[kSize]{};

  bool concerns(const Address* to) const {
    if (to == nullptr || to->length == 0) return destination.length == 0;
    return to->length == destination.length && std::memcmp(to, &destination, to->length) == 0;
  }
};

UdpSocket::Whole UdpSocket::whole_to(const Address* destination) {
  if (splitting_->size == 0 || !splitting_->concerns(destination)) return Whole::kUsual;
  if (splitting_->left == 0) return Whole::kTry;
  --splitting_->left;
  return Whole::kNo;
}

// UDP_SEGMENT was answered with EIO: the device makes no checksums (Linux before 6.11), or the
// packets go through a transformation (IPsec), also those of one segment. Returns whether that is
// what it was.
bool UdpSocket::start_splitting(const Address* destination) {
  int size = 0;
  socklen_t length = sizeof size;
  if (sys.getsockopt(fd_, IPPROTO_UDP, UDP_SEGMENT, &size, &length) != 0 || size <= 0) return false;
  if (!splitting_) splitting_.reset(new Splitting);
  Splitting& state = *splitting_;
  state.size = static_cast<uint32_t>(size);
  state.left = state.span = std::clamp(2 * state.span, 1u, kLongestSpan);
  state.destination = destination == nullptr ? Address{} : *destination;
  return true;
}

void UdpSocket::stop_splitting() { splitting_->size = splitting_->span = 0; }

bool UdpSocket::is_splitting() const { return splitting_ && splitting_->size > 0; }

void UdpSocket::SplittingDeleter::operator()(Splitting* state) const { delete state; }

// Sends the same datagrams that sendto(2) of the whole would make. They are copied, which is what
// the kernel does on such a way with MSG_ZEROCOPY, too. Returns how many bytes went out, in whole
// segments, or -1 with errno.
ssize_t UdpSocket::send_segments(const Source& source, uint32_t offset,
                                 const Address* destination) {
  Splitting& state = *splitting_;
  if (stamps_) begin_stamping();
  const bool connected = destination == nullptr || destination->length == 0;
  const uint32_t length = source.length - offset;
  uint32_t sent = 0;
  uint64_t messages = 0;
  int answer = 0;
  while (sent < length && answer >= 0) {
    unsigned count = 0;
    iovec* vectors = state.vectors;
    for (uint32_t at = sent; at < length && count < Splitting::kSize; ++count) {
      const uint32_t size = std::min(state.size, length - at);
      const size_t pieces = slice(source, offset + at, size, vectors);
      at += size;
      msghdr& header = state.messages[count].msg_hdr;
      header = {};
      header.msg_iov = std::exchange(vectors, vectors + pieces);
      header.msg_iovlen = pieces;
      if (!connected) {
        header.msg_name = const_cast<sockaddr*>(&destination->base);
        header.msg_namelen = destination->length;
      }
      void* const room = header.msg_control = state.controls[count].bytes;
      put_control<uint16_t>(&header, room, Splitting::kSegmentAt, IPPROTO_UDP, UDP_SEGMENT, 0);
      // One send has one timestamp of each stage, which is that of its last datagram.
      if (stamps_ && at < length) {
        put_control<uint32_t>(&header, room, Splitting::kStampAt, SOL_SOCKET, SO_TIMESTAMPING, 0);
      } else if (stamps_ && stamps_->names_keys()) {
        put_control<uint32_t>(&header, room, Splitting::kStampAt, SOL_SOCKET, kStampKeyType,
                              stamps_->key(0));
      }
    }
    answer = sys.sendmmsg(fd_, state.messages, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    for (int i = 0; i < answer; ++i) sent += state.messages[i].msg_len;
    if (answer > 0) messages += static_cast<uint64_t>(answer);
  }
  if (messages == 0) return -1;
  counters_[Counter::kernelSends] += messages - 1;  // the caller counts one for the whole
  return sent;  // an error behind what was accepted is met again by the call for the rest
}

}  // namespace zerosend
