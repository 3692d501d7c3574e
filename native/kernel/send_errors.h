#pragma once

#include <cerrno>

namespace zerosend {

// How the library responds to a send that the kernel has refused.
enum class Response : unsigned char {
  kAgain,  // nothing was done: tries again at once
  // the kernel is short of memory for zero copy, or of any: reads completions and tries again, then
  // copies
  kBuffers,
  kRoom,     // there is no room for now: queues the send in order
  kEarlier,  // the error is about an earlier datagram: tries again
  // the error may be about an earlier datagram: tries again, and refuses the send when it comes
  // again
  kMaybe,
  kRefuse,  // refuses this one message
  kEnd,     // ends the socket
};

struct SendError {
  int error;
  Response tcp;
  Response udp;
};

// The response to each errno of sendto(2), sendmsg(2) and sendmmsg(2); docs/errnos.md gives the
// reasons.
//
// The errnos of kEarlier and kMaybe are those that an ICMP message leaves on a UDP socket, where
// the next call returns them (icmp_err_convert in net/ipv4/icmp.c, tab_unreach in net/ipv6/icmp.c,
// and EMSGSIZE and EPROTO in __udp4_lib_err and icmpv6_err_convert). Those of kMaybe can also come
// from a route or a firewall, and are then about the present datagram.
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

// The response to any other errno.
inline constexpr SendError kOtherSendError = {0, Response::kEnd, Response::kRefuse};

constexpr const SendError& send_error(int error) {
  for (const SendError& known : kSendErrors) {
    if (known.error == error) return known;
  }
  return kOtherSendError;
}

}  // namespace zerosend
