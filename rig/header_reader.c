// Says of each UDP datagram how the IP header that brought it was filled in: a line
// "<payload bytes> <TTL or hop limit> <TOS or traffic class>". The first line is the port. Ends
// with its standard input.
//
//     header_reader 4|6
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void want(int fd, int level, int option) {
  const int on = 1;
  if (setsockopt(fd, level, option, &on, sizeof on) != 0) {
    perror("setsockopt");
    exit(1);
  }
}

int main(int count, char** arguments) {
  const int v6 = count > 1 && strcmp(arguments[1], "6") == 0;
  const int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return 1;
  want(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVHOPLIMIT : IP_RECVTTL);
  want(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVTCLASS : IP_RECVTOS);
  struct sockaddr_storage address = {.ss_family = v6 ? AF_INET6 : AF_INET};
  socklen_t length = v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
  if (bind(fd, (struct sockaddr*)&address, length) != 0 ||
      getsockname(fd, (struct sockaddr*)&address, &length) != 0) {
    perror("bind");
    return 1;
  }
  printf("%d\n", ntohs(v6 ? ((struct sockaddr_in6*)&address)->sin6_port
                          : ((struct sockaddr_in*)&address)->sin_port));
  fflush(stdout);
  struct pollfd waits[] = {{.fd = fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
  while (poll(waits, 2, -1) > 0 && waits[1].revents == 0) {
    char payload[65536];
    _Alignas(struct cmsghdr) char control[256];
    struct iovec part = {payload, sizeof payload};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t bytes = recvmsg(fd, &message, 0);
    if (bytes < 0) return 1;
    int ttl = -1;
    int tos = -1;
    for (struct cmsghdr* at = CMSG_FIRSTHDR(&message); at; at = CMSG_NXTHDR(&message, at)) {
      if (at->cmsg_type == IP_TOS && at->cmsg_level == IPPROTO_IP)
        tos = *CMSG_DATA(at);
      else if (at->cmsg_type == IP_TTL && at->cmsg_level == IPPROTO_IP)
        memcpy(&ttl, CMSG_DATA(at), sizeof ttl);
      else if (at->cmsg_type == IPV6_HOPLIMIT && at->cmsg_level == IPPROTO_IPV6)
        memcpy(&ttl, CMSG_DATA(at), sizeof ttl);
      else if (at->cmsg_type == IPV6_TCLASS && at->cmsg_level == IPPROTO_IPV6)
        memcpy(&tos, CMSG_DATA(at), sizeof tos);
    }
    printf("%zd %d %d\n", bytes, ttl, tos);
    fflush(stdout);
  }
  return 0;
}
