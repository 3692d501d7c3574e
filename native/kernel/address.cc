#include "kernel/address.h"

#include <arpa/inet.h>
#include <net/if.h>

#include <charconv>
#include <cstring>
#include <system_error>

namespace zerosend {

bool Address::parse(const char* text, uint16_t port, Address* out) {
  *out = Address{};
  if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) {
    out->v4.sin_family = AF_INET;
    out->v4.sin_port = htons(port);
    out->length = sizeof out->v4;
    return true;
  }
  std::string host(text);
  uint32_t scope = 0;
  const size_t percent = host.find('%');
  if (percent != std::string::npos) {
    const std::string zone = host.substr(percent + 1);
    host.resize(percent);
    scope = if_nametoindex(zone.c_str());
    if (scope == 0) {
      // Only digits are accepted: an index with a sign, or beyond 32 bits, would be taken for that
      // of another interface.
      const char* end = zone.data() + zone.size();
      const auto [stop, failure] = std::from_chars(zone.data(), end, scope);
      if (failure != std::errc{} || stop != end || scope == 0) return false;
    }
  }
  *out = Address{};
  if (inet_pton(AF_INET6, host.c_str(), &out->v6.sin6_addr) != 1) return false;
  out->v6.sin6_family = AF_INET6;
  out->v6.sin6_port = htons(port);
  out->v6.sin6_scope_id = scope;
  out->length = sizeof out->v6;
  return true;
}

Address Address::from(const sockaddr_storage& storage, socklen_t length) {
  Address address;
  if (length >= sizeof(sockaddr_in) && storage.ss_family == AF_INET) {
    address.length = sizeof(sockaddr_in);
  } else if (length >= sizeof(sockaddr_in6) && storage.ss_family == AF_INET6) {
    address.length = sizeof(sockaddr_in6);
  }
  if (address.length != 0) std::memcpy(&address.base, &storage, address.length);
  return address;
}

uint16_t Address::port() const {
  if (length == 0) return 0;
  return ntohs(family() == AF_INET ? v4.sin_port : v6.sin6_port);
}

std::string Address::text() const {
  char buffer[INET6_ADDRSTRLEN] = "";
  if (length == 0) return buffer;
  const void* bytes = family() == AF_INET ? static_cast<const void*>(&v4.sin_addr)
                                          : static_cast<const void*>(&v6.sin6_addr);
  inet_ntop(family(), bytes, buffer, sizeof buffer);
  if (family() != AF_INET6 || v6.sin6_scope_id == 0) return buffer;
  char name[IF_NAMESIZE];
  const bool named = if_indextoname(v6.sin6_scope_id, name) != nullptr;
  return std::string(buffer) + '%' + (named ? name : std::to_string(v6.sin6_scope_id));
}

}  // namespace zerosend
