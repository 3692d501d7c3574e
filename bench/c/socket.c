// A TCP or UDP socket, with the same socket options as the library's own (native/kernel/open.cc).
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "sender.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

void open_socket(void) {
  struct sockaddr_in remote = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
  if (inet_pton(AF_INET, options.address, &remote.sin_addr) != 1) usage();
  fd = socket(AF_INET, (options.tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  if (!options.copy) set_option(SOL_SOCKET, SO_ZEROCOPY, 1, "SO_ZEROCOPY");
  if (options.tcp) {
    set_option(IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
  } else {
    set_option(SOL_SOCKET, SO_SNDBUF, kSendBuffer, "SO_SNDBUF");
    if (options.segment) set_option(IPPROTO_UDP, UDP_SEGMENT, (int)options.segment, "UDP_SEGMENT");
  }
  if (connect(fd, (struct sockaddr*)&remote, sizeof(remote)) != 0) die("connect");
}
