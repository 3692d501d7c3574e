#pragma once

#include <sys/socket.h>

namespace zerosend {

// From now on datagrams to this port, on sockets with UDP_SEGMENT, are answered with EIO, as on a
// way without segmentation. 0: none; kEveryPort: all.
constexpr int kEveryPort = 65536;
void refuse_segments(int port);

// Whether a datagram meets that. `to` may be null, where the socket is connected; `message` has the
// control messages, if any.
bool refuses_segments(int fd, const sockaddr* to, const msghdr* message);

// Answers EIO as the kernel does: when it has given the datagram an id, if it was to have one.
int refuse_late(int fd, int flags);

}  // namespace zerosend
