#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

namespace zerosend {

// A numeric IPv4 or IPv6 address with a port. Host names are resolved in JavaScript, by Node.
struct Address {
  union {
    sockaddr base;
    sockaddr_in v4;
    sockaddr_in6 v6;
  };
  socklen_t length = 0;  // 0: no address

  Address() : v6{} {}

  // `text` is dotted IPv4, or IPv6 with an optional %zone. Returns false when it is neither.
  static bool parse(const char* text, uint16_t port, Address* out);

  static Address from(const sockaddr_storage& storage, socklen_t length);

  int family() const { return base.sa_family; }
  // Whether it is no address, or one as parse() makes it. It is read from memory that JavaScript
  // writes, which may hold anything.
  bool is_sound() const {
    if (length == 0) return true;
    return (family() == AF_INET && length == sizeof v4) ||
           (family() == AF_INET6 && length == sizeof v6);
  }
  uint16_t port() const;
  // The address in numeric form. A link-local IPv6 address has its zone as parse() takes it:
  // `%name`, or `%index` where the interface is gone.
  std::string text() const;
};

}  // namespace zerosend
