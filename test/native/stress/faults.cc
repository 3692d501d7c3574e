// Replaces entries of the library's system-call table. The wrappers run on whichever thread calls.
#include "faults.h"

#include <sys/syscall.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "kernel/syscalls.h"
#include "random.h"

namespace zerosend {

Syscalls sys;

}  // namespace zerosend

namespace stress {
namespace {

const zerosend::Syscalls real;

uint64_t base_seed = 0;
uint32_t rate = 0;
std::atomic<uint32_t> threads{0};
std::atomic<uint64_t> faults{0};

Random& random_of_thread() {
  thread_local Random random(base_seed + threads.fetch_add(1));
  return random;
}

bool strikes() {
  if (rate == 0 || random_of_thread().below(1000) >= rate) return false;
  faults.fetch_add(1, std::memory_order_relaxed);
  return true;
}

// Fails with one of the given errors.
template <size_t N>
int fail_with(const int (&errors)[N]) {
  errno = errors[random_of_thread().below(N)];
  return -1;
}

bool is_stream(int fd) {
  int type = 0;
  socklen_t length = sizeof type;
  return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM;
}

int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  if (!strikes()) return real.sendmmsg(fd, messages, count, flags);
  if (count > 1 && random_of_thread().one_in(2)) {  // stopped by a message that it does not name
    return real.sendmmsg(fd, messages, random_of_thread().between(1, count - 1), flags);
  }
  return fail_with({EINTR, EAGAIN, ENOBUFS, ENOMEM});
}

// A send, or a kick of a transmit ring, which has no data.
ssize_t sendto(int fd, const void* data, size_t length, int flags, const sockaddr* address,
               socklen_t address_length) {
  if (!strikes()) return real.sendto(fd, data, length, flags, address, address_length);
  if (data == nullptr) return fail_with({EINTR, EAGAIN, EBUSY, ENOBUFS, ENOMEM, ENETDOWN});
  if (!is_stream(fd)) {
    return fail_with({EINTR, EAGAIN, ENOBUFS, ENOMEM, ECONNREFUSED, EHOSTUNREACH});
  }
  if (random_of_thread().one_in(200)) return fail_with({ECONNRESET, EPIPE, ETIMEDOUT});
  if (length > 1 && random_of_thread().one_in(2)) {  // a short send
    length = random_of_thread().between(1, static_cast<uint32_t>(length) - 1);
    return real.sendto(fd, data, length, flags, address, address_length);
  }
  return fail_with({EINTR, EAGAIN, ENOBUFS, ENOMEM});
}

ssize_t recvmsg(int fd, msghdr* message, int flags) {
  // Never EAGAIN: by that the kernel says that an error queue is empty, and is believed.
  return strikes() ? fail_with({EINTR, ENOMEM}) : real.recvmsg(fd, message, flags);
}

ssize_t recv(int fd, void* data, size_t length, int flags) {
  if (strikes()) return fail_with({EINTR, EAGAIN});
  // With MSG_TRUNC nothing is written, but the sanitizers' wrapper of recv takes it for a write.
  if (data == nullptr) return ::syscall(SYS_recvfrom, fd, data, length, flags, nullptr, nullptr);
  return real.recv(fd, data, length, flags);
}

int epoll_wait(int fd, epoll_event* events, int max, int timeout) {
  return strikes() ? fail_with({EINTR}) : real.epoll_wait(fd, events, max, timeout);
}

int epoll_ctl(int fd, int operation, int target, epoll_event* event) {
  if (operation == EPOLL_CTL_ADD && strikes()) return fail_with({ENOMEM, ENOSPC});
  return real.epoll_ctl(fd, operation, target, event);
}

int epoll_create1(int flags) {
  return strikes() ? fail_with({EMFILE, ENFILE, ENOMEM}) : real.epoll_create1(flags);
}

int eventfd(unsigned value, int flags) {
  return strikes() ? fail_with({EMFILE, ENFILE, ENOMEM}) : real.eventfd(value, flags);
}

int socket(int domain, int type, int protocol) {
  return strikes() ? fail_with({EMFILE, ENFILE, ENOBUFS}) : real.socket(domain, type, protocol);
}

int connect(int fd, const sockaddr* address, socklen_t length) {
  if (address->sa_family == AF_UNSPEC || !strikes()) return real.connect(fd, address, length);
  return fail_with({EADDRNOTAVAIL, ENETUNREACH, EINTR});
}

void* mmap(void* address, size_t length, int protection, int flags, int fd, off_t offset) {
  if (!strikes()) return real.mmap(address, length, protection, flags, fd, offset);
  errno = ENOMEM;
  return MAP_FAILED;
}

int madvise(void* address, size_t length, int advice) {
  return strikes() ? fail_with({EINVAL, ENOMEM, EAGAIN}) : real.madvise(address, length, advice);
}

}  // namespace

void install_faults(uint64_t seed, uint32_t per_mille) {
  base_seed = seed;
  rate = per_mille;
  zerosend::sys.sendmmsg = sendmmsg;
  zerosend::sys.sendto = sendto;
  zerosend::sys.recvmsg = recvmsg;
  zerosend::sys.recv = recv;
  zerosend::sys.epoll_wait = epoll_wait;
  zerosend::sys.epoll_ctl = epoll_ctl;
  zerosend::sys.epoll_create1 = epoll_create1;
  zerosend::sys.eventfd = eventfd;
  zerosend::sys.socket = socket;
  zerosend::sys.connect = connect;
  zerosend::sys.mmap = mmap;
  zerosend::sys.madvise = madvise;
}

uint64_t fault_count() { return faults.load(); }

}  // namespace stress
