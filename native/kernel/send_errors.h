#pragma once

#include <cerrno>

namespace zerosend {

// What a refused send calls for.
enum class Response : unsigned char {
  kAgain,    // nothing was tried: try at once
  kBuffers,  // the kernel's memory for zero copy, or for anything: read completions, then copy
  kRoom,     // no room for now: wait in order
  kEarlier,  // is about an earlier datagram: try again
  kMaybe,    // may be about an earlier datagram: try again, and believe it when it goes on
  kRefuse,   // about this one message
  kEnd,      // ends the connection
};

struct SendError {
  int error;
  Response tcp;
  Response udp;
};

// What each errno of sendto(2), sendmsg(2) and sendmmsg(2) calls for; docs/errnos.md says why.
//
// The errnos of kEarlier and kMaybe are those that an ICMP message leaves on a UDP socket, for the
// next call to take away (icmp_err_convert in net/ipv4/icmp.c, tab_unreach in net/ipv6/icmp.c, and
// EMSGSIZE and EPROTO in __udp4_lib_err and icmpv6_err_convert). Routes and firewalls answer those
// of kMaybe themselves, too.
inline constexpr SendError kSendErrors[] = {
    {EINTR, Response::kAgain, Response::kAgain},
    {ENOBUFS, Response::kBuffers, Response::kBuffers},
    {EAGAIN, Response::kRoom, Response::kRoom},
    {ENOMEM, Response::kRoom, Response::kRoom},
    {ECONNREFUSED, Response::kEnd, Response::kEarlier},
    {EHOSTUNREACH, Response::kEnd, Response::kMaybe},
    {ENETUNREACH, Response::kEnd, Response::kMaybe},
    {EHOSTDOWN, Response::kEnd, Response::kEarlier},
    {ENOPROTOOPT, Response::kEnd, Response::kEarlier},
    {EPROTO, Response::kEnd, Response::kEarlier},
    {ENONET, Response::kEnd, Response::kEarlier},
    {EACCES, Response::kEnd, Response::kMaybe},
    {EMSGSIZE, Response::kRefuse, Response::kMaybe},
    {EOPNOTSUPP, Response::kRefuse, Response::kMaybe},
    {EFAULT, Response::kRefuse, Response::kRefuse},
    {EINVAL, Response::kRefuse, Response::kRefuse},
    {EPERM, Response::kRefuse, Response::kRefuse},
};

// What any other errno calls for.
inline constexpr SendError kOtherSendError = {0, Response::kEnd, Response::kRefuse};

constexpr const SendError& send_error(int error) {
  for (const SendError& known : kSendErrors) {
    if (known.error == error) return known;
  }
  return kOtherSendError;
}

}  // namespace zerosend
