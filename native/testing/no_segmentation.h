#pragma once

#include <sys/socket.h>

namespace zerosend {

// Makes sends to this port fail with EIO on sockets with UDP_SEGMENT, as on a route without
// segmentation. 0: none; kEveryPort: all.
constexpr int kEveryPort = 65536;
void refuse_segments(int port);

// Whether a datagram is to be refused so. `to` may be null, where the socket is connected;
// `message` has the control messages, if any.
bool refuses_segments(int fd, const sockaddr* to, const msghdr* message);

// Fails with EIO as the kernel does: after the datagram has taken a kernel id, if it was sent with
// MSG_ZEROCOPY.
int refuse_late(int fd, int flags);

}  // namespace zerosend
