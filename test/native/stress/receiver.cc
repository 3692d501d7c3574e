#include "receiver.h"

#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "check.h"
#include "receiver_process.h"

namespace stress {
namespace {

// Binds both families to one port. Returns false when the port is taken in the other one.
bool bind_pair(int type, uint16_t* port, int* v4, int* v6) {
  *v4 = ::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  *v6 = ::socket(AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  MUST(*v4 >= 0, "socket: errno %d", errno);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(*port);
  socklen_t length = sizeof address;
  if (::bind(*v4, reinterpret_cast<sockaddr*>(&address), length) != 0) return false;
  ::getsockname(*v4, reinterpret_cast<sockaddr*>(&address), &length);
  *port = ntohs(address.sin_port);
  if (*v6 < 0) return true;
  const int only = 1;
  ::setsockopt(*v6, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
  sockaddr_in6 address6{};
  address6.sin6_family = AF_INET6;
  address6.sin6_addr = in6addr_loopback;
  address6.sin6_port = address.sin_port;
  if (::bind(*v6, reinterpret_cast<sockaddr*>(&address6), sizeof address6) == 0) return true;
  if (errno == EADDRINUSE) return false;
  ::close(*v6);  // no IPv6 here
  *v6 = -1;
  return true;
}

// A port of the kernel's choice that is free in both families.
uint16_t open_pair(int type, int* v4, int* v6) {
  for (int attempt = 0; attempt < 50; ++attempt) {
    uint16_t port = 0;
    if (bind_pair(type, &port, v4, v6)) return port;
    ::close(*v4);
    if (*v6 >= 0) ::close(*v6);
  }
  DIE("no port is free in both families");
}

}  // namespace

void Receiver::start() {
  Endpoints endpoints;
  int closed_v4;
  int closed_v6;
  ports_.tcp = open_pair(SOCK_STREAM, &endpoints.tcp[0], &endpoints.tcp[1]);
  ports_.udp = open_pair(SOCK_DGRAM, &endpoints.udp[0], &endpoints.udp[1]);
  // The port is bound, so that no other process gets it, but never listens: connections are
  // refused. Datagrams are too, since the port is a TCP one.
  ports_.closed = open_pair(SOCK_STREAM, &closed_v4, &closed_v6);
  ports_.v6 = endpoints.tcp[1] >= 0 && endpoints.udp[1] >= 0;
  int channel[2];
  MUST(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) == 0, "socketpair");
  const pid_t parent = ::getpid();
  std::fflush(nullptr);
  pid_ = ::fork();
  MUST(pid_ >= 0, "fork: errno %d", errno);
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(2);
    ::close(channel[0]);
    endpoints.channel = channel[1];
    run_receiver(endpoints);
    ::_exit(0);
  }
  ::close(channel[1]);
  channel_ = channel[0];
  for (const int fd : {endpoints.tcp[0], endpoints.tcp[1], endpoints.udp[0], endpoints.udp[1]}) {
    if (fd >= 0) ::close(fd);
  }
}

// False when there is none now, or no more at all.
bool Receiver::read_report(int flags) {
  StreamReport report;
  ssize_t got;
  do {
    got = ::recv(channel_, &report, sizeof report, flags);
  } while (got < 0 && errno == EINTR);
  if (got == static_cast<ssize_t>(sizeof report)) {
    reports_[report.key] = report;
    stream_messages_ += report.messages;
    return true;
  }
  if (got == static_cast<ssize_t>(sizeof datagrams_)) {
    std::memcpy(&datagrams_, &report, sizeof datagrams_);
    return true;
  }
  if (got < 0 && errno == EAGAIN) return false;
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  MUST(status == 0, "the receiver failed (status %#x)", static_cast<unsigned>(status));
  return false;
}

void Receiver::collect() {
  while (read_report(MSG_DONTWAIT)) {
  }
  MUST(pid_ >= 0, "the receiver ended early");
}

const StreamReport* Receiver::find(uint32_t key) const {
  const auto found = reports_.find(key);
  return found == reports_.end() ? nullptr : &found->second;
}

void Receiver::finish() {
  ::shutdown(channel_, SHUT_WR);
  while (pid_ >= 0) read_report(0);
  ::close(channel_);
}

}  // namespace stress
