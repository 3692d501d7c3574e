#pragma once

#include <cstddef>
#include <string>

#include "kernel/failure.h"

namespace zerosend {

// An option of TCP or UDP sockets that JavaScript names, with the number that it holds.
struct SocketOption {
  // How one family of addresses calls it; level 0: it does not.
  struct Place {
    int level;
    int option;
    const char* call;  // for errors
  };
  const char* name;  // in JavaScript
  Place any;         // of IPv4, or of whatever has it once
  Place v6;  // of IPv6 sockets, beside the other, which holds for packets to mapped addresses
  bool is_interface = false;  // holds the index of an interface, which is named in JavaScript
};

// All of them, in the order in which they are to be set: IP_TOS sets SO_PRIORITY, too.
extern const SocketOption kSocketOptions[];
extern const size_t kSocketOptionCount;

// Null where there is none of that name.
const SocketOption* find_socket_option(const std::string& name);

// Sets it on a socket of this family, or says which call has failed.
Failure set_socket_option(int fd, int family, const SocketOption& option, int value);

// Asks for it. False where the kernel does not tell, or the socket has no such option.
bool get_socket_option(int fd, int family, const SocketOption& option, int* value);

}  // namespace zerosend
