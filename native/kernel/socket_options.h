#pragma once

#include <cstddef>
#include <string>

#include "kernel/failure.h"

namespace zerosend {

// An option of TCP or UDP sockets that has a name in JavaScript, and a number as its value.
struct SocketOption {
  // Level and name of the option for one family of addresses; level 0 where the family has no such
  // option.
  struct Place {
    int level;
    int option;
    const char* call;  // what an error names as its call
  };
  const char* name;  // its name in JavaScript
  Place any;         // for IPv4 sockets, and for options that do not depend on the family
  // for IPv6 sockets, in addition to `any`, which holds for packets to IPv4-mapped addresses
  Place v6;
  // the value is the index of an interface, for which JavaScript gives the name
  bool is_interface = false;
};

// All options, in the order in which they have to be set: IP_TOS sets SO_PRIORITY, too.
extern const SocketOption kSocketOptions[];
extern const size_t kSocketOptionCount;

// Returns null where there is no option of that name.
const SocketOption* find_socket_option(const std::string& name);

// Sets an option on a socket of this family.
Failure set_socket_option(int fd, int family, const SocketOption& option, int value);

// Reads an option. Returns false where the kernel does not report it, or the socket has no such
// option.
bool get_socket_option(int fd, int family, const SocketOption& option, int* value);

}  // namespace zerosend
