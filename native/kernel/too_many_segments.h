#pragma once

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstring>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

namespace zerosend {

// A datagram that would make more segments than any kernel allows. The kernel refuses it after
// giving it a zero-copy id and before sending anything (udp_send_skb and udp_v6_send_skb,
// net/ipv4/udp.c and net/ipv6/udp.c).
class TooManySegments {
 public:
  // `to` is null for the connected peer.
  TooManySegments(const sockaddr* to, socklen_t to_length) {
    alignas(4096) static uint8_t nothing[4096];  // the single page that the kernel pins for it
    part_ = {nothing, sizeof nothing};
    message_.msg_name = const_cast<sockaddr*>(to);
    message_.msg_namelen = to_length;
    message_.msg_iov = &part_;
    message_.msg_iovlen = 1;
    message_.msg_control = control_;
    message_.msg_controllen = sizeof control_;
    cmsghdr* header = CMSG_FIRSTHDR(&message_);
    header->cmsg_level = IPPROTO_UDP;
    header->cmsg_type = UDP_SEGMENT;
    header->cmsg_len = CMSG_LEN(sizeof(uint16_t));
    const uint16_t segment = 1;
    std::memcpy(CMSG_DATA(header), &segment, sizeof segment);
  }
  TooManySegments(const TooManySegments&) = delete;
  TooManySegments& operator=(const TooManySegments&) = delete;

  const msghdr* message() const { return &message_; }

 private:
  iovec part_{};
  alignas(cmsghdr) uint8_t control_[CMSG_SPACE(sizeof(uint16_t))] = {};
  msghdr message_{};
};

}  // namespace zerosend
