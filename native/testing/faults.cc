#include "testing/faults.h"

// clang-format off: linux/errqueue.h uses struct timespec without declaring it
#include <time.h>
#include <linux/errqueue.h>
// clang-format on
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <type_traits>

#include "os/syscalls.h"

namespace zerosend {

Syscalls sys;

namespace {

#define X(name) Fault name##_fault;
ZEROSEND_FAULTS(X)
#undef X

std::atomic<uint32_t> random_state{1};
std::atomic<uint32_t> kernel_id_bias{0};

uint32_t next_random() {
  uint32_t state = random_state.load();
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  random_state = state;
  return state;
}

// A wrapper for a call that fails with -1 (or MAP_FAILED, which is -1 as a pointer).
template <class Result, class... Arguments>
struct Wrapper {
  template <Result (*real)(Arguments...), Fault* fault>
  static Result call(Arguments... arguments) {
    if (!fault->strikes()) return real(arguments...);
    intptr_t answer;
    if (fault->error != 0) {
      errno = fault->error;
      answer = -1;
    } else if (fault->limit == 0) {
      answer = 1;
    } else {
      return real(arguments...);
    }
    if constexpr (std::is_pointer_v<Result>) {
      return reinterpret_cast<Result>(answer);
    } else {
      return static_cast<Result>(answer);
    }
  }
};

ssize_t send_message(int fd, const msghdr* message, int flags) {
  if (!sendmsg_fault.strikes()) return ::sendmsg(fd, message, flags);
  if (sendmsg_fault.error != 0) {
    errno = sendmsg_fault.error;
    return -1;
  }
  msghdr cut = *message;
  iovec part = message->msg_iov[0];
  const int64_t limit = sendmsg_fault.limit;
  if (limit > 0) part.iov_len = std::min(part.iov_len, static_cast<size_t>(limit));
  cut.msg_iov = &part;
  return ::sendmsg(fd, &cut, flags);
}

int send_messages(int fd, mmsghdr* messages, unsigned count, int flags) {
  if (!sendmmsg_fault.strikes()) return ::sendmmsg(fd, messages, count, flags);
  if (sendmmsg_fault.error != 0) {
    errno = sendmmsg_fault.error;
    return -1;
  }
  const int64_t limit = sendmmsg_fault.limit;
  if (limit > 0) count = std::min(count, static_cast<unsigned>(limit));
  return ::sendmmsg(fd, messages, count, flags);
}

void add_bias(msghdr* message, uint32_t bias) {
  for (cmsghdr* header = CMSG_FIRSTHDR(message); header != nullptr;
       header = CMSG_NXTHDR(message, header)) {
    sock_extended_err error;
    if (header->cmsg_type != IP_RECVERR && header->cmsg_type != IPV6_RECVERR) continue;
    std::memcpy(&error, CMSG_DATA(header), sizeof error);
    if (error.ee_origin != SO_EE_ORIGIN_ZEROCOPY) continue;
    error.ee_info += bias;
    error.ee_data += bias;
    std::memcpy(CMSG_DATA(header), &error, sizeof error);
  }
}

ssize_t receive_message(int fd, msghdr* message, int flags) {
  if (recvmsg_fault.strikes()) {
    if (recvmsg_fault.error != 0) {
      errno = recvmsg_fault.error;
      return -1;
    }
    const int64_t limit = recvmsg_fault.limit;
    if (limit >= 0) {
      message->msg_controllen = std::min(message->msg_controllen, static_cast<size_t>(limit));
    }
  }
  const ssize_t result = ::recvmsg(fd, message, flags);
  if (result >= 0 && kernel_id_bias != 0) add_bias(message, kernel_id_bias);
  return result;
}

}  // namespace

void Fault::clear() {
  skip = times = error = 0;
  chance = 0;
  limit = -1;
  calls = struck = 0;
}

bool Fault::strikes() {
  ++calls;
  bool strike = false;
  if (times > 0) {
    if (skip > 0) {
      --skip;
    } else {
      strike = times.fetch_sub(1) > 0;
    }
  } else if (chance > 0) {
    strike = (next_random() & 0xffff) < chance;
  }
  if (strike) ++struck;
  return strike;
}

Fault* find_fault(const char* call) {
#define X(name) \
  if (std::strcmp(call, #name) == 0) return &name##_fault;
  ZEROSEND_FAULTS(X)
#undef X
  return nullptr;
}

void clear_faults() {
#define X(name) name##_fault.clear();
  ZEROSEND_FAULTS(X)
#undef X
}

void seed_faults(uint32_t seed) { random_state = seed == 0 ? 1 : seed; }

void set_kernel_id_bias(uint32_t bias) { kernel_id_bias = bias; }

void install_faults() {
  sys.socket = Wrapper<int, int, int, int>::call<::socket, &socket_fault>;
  sys.bind = Wrapper<int, int, const sockaddr*, socklen_t>::call<::bind, &bind_fault>;
  sys.connect = Wrapper<int, int, const sockaddr*, socklen_t>::call<::connect, &connect_fault>;
  sys.shutdown = Wrapper<int, int, int>::call<::shutdown, &shutdown_fault>;
  sys.setsockopt =
      Wrapper<int, int, int, int, const void*, socklen_t>::call<::setsockopt, &setsockopt_fault>;
  sys.getsockopt =
      Wrapper<int, int, int, int, void*, socklen_t*>::call<::getsockopt, &getsockopt_fault>;
  sys.sendmsg = send_message;
  sys.sendmmsg = send_messages;
  sys.sendto = Wrapper<ssize_t, int, const void*, size_t, int, const sockaddr*,
                       socklen_t>::call<::sendto, &sendto_fault>;
  sys.recvmsg = receive_message;
  sys.recv = Wrapper<ssize_t, int, void*, size_t, int>::call<::recv, &recv_fault>;
  sys.epoll_create1 = Wrapper<int, int>::call<::epoll_create1, &epoll_create1_fault>;
  sys.epoll_ctl = Wrapper<int, int, int, int, epoll_event*>::call<::epoll_ctl, &epoll_ctl_fault>;
  sys.epoll_wait = Wrapper<int, int, epoll_event*, int, int>::call<::epoll_wait, &epoll_wait_fault>;
  sys.eventfd = Wrapper<int, unsigned, int>::call<::eventfd, &eventfd_fault>;
  sys.mmap = Wrapper<void*, void*, size_t, int, int, int, off_t>::call<::mmap, &mmap_fault>;
  sys.madvise = Wrapper<int, void*, size_t, int>::call<::madvise, &madvise_fault>;
  sys.remap = Wrapper<void*, void*, size_t, void*>::call<raw::remap, &remap_fault>;
  sys.clone_process = Wrapper<long>::call<raw::clone_process, &clone_process_fault>;
}

}  // namespace zerosend
