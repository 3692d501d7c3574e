#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "kernel/syscalls.h"

// Questions to the kernel by netlink(7). Any thread.
namespace zerosend::netlink {

// A request: a header, a body of the protocol, and room for a few attributes.
template <class Body>
struct Request {
  nlmsghdr header{};
  Body body{};
  uint8_t room[128] = {};

  Request(uint16_t type, uint16_t flags) {
    header.nlmsg_type = type;
    header.nlmsg_flags = NLM_F_REQUEST | flags;
    header.nlmsg_len = static_cast<uint32_t>(NLMSG_LENGTH(sizeof body));
  }

  void add(uint16_t type, const void* data, size_t size) {
    auto* attribute =
        reinterpret_cast<rtattr*>(reinterpret_cast<uint8_t*>(this) + NLMSG_ALIGN(header.nlmsg_len));
    attribute->rta_type = type;
    attribute->rta_len = static_cast<uint16_t>(RTA_LENGTH(size));
    if (size > 0) std::memcpy(RTA_DATA(attribute), data, size);
    header.nlmsg_len = static_cast<uint32_t>(NLMSG_ALIGN(header.nlmsg_len) + RTA_SPACE(size));
  }
};

// Sends a request and calls `visit(nlmsghdr*)` for each message of the answer. Returns 0 or an
// errno; `*refused` becomes true when the errno is the kernel's answer, and not that of a call that
// failed to ask.
template <class Body, class Visit>
int ask(int protocol, const Request<Body>& request, Visit&& visit, bool* refused = nullptr) {
  const int fd = sys.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  if (fd < 0) return errno;
  const auto finish = [fd](int error) {
    sys.close(fd);
    return error;
  };
  const uint32_t length = request.header.nlmsg_len;
  // The number of retries after signals is bounded, since the caller may be closing.
  for (int interruptions = 0; sys.sendto(fd, &request, length, 0, nullptr, 0) < 0;) {
    if (errno != EINTR || ++interruptions == 100) return finish(errno);
  }
  alignas(nlmsghdr) uint8_t buffer[32768];
  for (;;) {
    // The kernel writes its answer within the call that asks, so receiving need not wait.
    const ssize_t size = sys.recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return finish(size < 0 ? errno : EPROTO);
    auto left = static_cast<uint32_t>(size);
    auto* message = reinterpret_cast<nlmsghdr*>(buffer);
    for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_type == NLMSG_DONE) return finish(0);
      if (message->nlmsg_type == NLMSG_ERROR) {
        if (refused != nullptr) *refused = true;
        return finish(-static_cast<const nlmsgerr*>(NLMSG_DATA(message))->error);
      }
      visit(message);
      if (!(message->nlmsg_flags & NLM_F_MULTI)) return finish(0);
    }
  }
}

// Calls `visit(attribute)` for each attribute behind a body of `size` bytes.
template <class Visit>
void for_each_attribute(nlmsghdr* message, size_t size, Visit&& visit) {
  if (message->nlmsg_len < NLMSG_LENGTH(size)) return;
  auto left = static_cast<uint32_t>(message->nlmsg_len - NLMSG_LENGTH(size));
  auto* attribute =
      reinterpret_cast<rtattr*>(static_cast<uint8_t*>(NLMSG_DATA(message)) + NLMSG_ALIGN(size));
  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) visit(attribute);
}

// Copies a number out of an attribute; leaves `*value` as it is where the attribute is too short.
template <class Value>
void take(const rtattr* attribute, Value* value) {
  if (RTA_PAYLOAD(attribute) >= sizeof *value) {
    std::memcpy(value, RTA_DATA(attribute), sizeof *value);
  }
}

inline std::string text_of(const rtattr* attribute) {
  const auto* text = static_cast<const char*>(RTA_DATA(attribute));
  return {text, strnlen(text, RTA_PAYLOAD(attribute))};
}

}  // namespace zerosend::netlink
