#include "loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "check.h"

namespace stress {

void receive_on_every_cpu() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in self{};
  self.sin_family = AF_INET;
  self.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof self;
  MUST(::bind(fd, reinterpret_cast<sockaddr*>(&self), sizeof self) == 0 &&
           ::getsockname(fd, reinterpret_cast<sockaddr*>(&self), &length) == 0,
       "a socket over loopback: errno %d", errno);
  cpu_set_t allowed;
  MUST(::sched_getaffinity(0, sizeof allowed, &allowed) == 0, "sched_getaffinity: errno %d", errno);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (::sched_setaffinity(0, sizeof one, &one) != 0) continue;
    ::sendto(fd, "", 1, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&self), sizeof self);
  }
  ::sched_setaffinity(0, sizeof allowed, &allowed);
  ::close(fd);
}

}  // namespace stress
