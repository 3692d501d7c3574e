#include "testing/injected_calls.h"

// clang-format off: linux/errqueue.h uses struct timespec without declaring it
#include <time.h>
#include <linux/errqueue.h>
// clang-format on
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <tuple>
#include <type_traits>
#include <utility>

#include "kernel/syscalls.h"
#include "testing/faults.h"
#include "testing/no_segmentation.h"

namespace zerosend {

Syscalls sys;

namespace {

std::atomic<uint32_t> kernel_id_bias{0};

std::atomic<bool> recording{false};
std::mutex reported_mutex;
std::vector<ReportedRange> reported;  // under reported_mutex

// A wrapper for a call that fails with -1 (or MAP_FAILED, which is -1 as a pointer). `kind` is the
// position of the argument that tells the kinds of a call apart.
template <class Result, class... Arguments>
struct Wrapper {
  template <Result (*real)(Arguments...), Fault* fault, int kind = -1>
  static Result call(Arguments... arguments) {
    std::optional<Step> step;
    if constexpr (kind < 0) {
      step = fault->strike();
    } else {
      step = fault->strike(std::get<kind>(std::forward_as_tuple(arguments...)));
    }
    if (!step) return real(arguments...);
    intptr_t answer;
    if (step->error != 0) {
      errno = step->error;
      answer = -1;
    } else if (step->limit == 0) {
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

ssize_t send_bytes(int fd, const void* data, size_t length, int flags, const sockaddr* to,
                   socklen_t to_length) {
  const std::optional<Step> step = sendto_fault.strike_flags(flags);
  if (step && step->error != 0 && !step->after) {
    errno = step->error;
    return -1;
  }
  if (step && step->limit > 0) length = std::min(length, static_cast<size_t>(step->limit));
  if (step && step->limit == 0 && length > 0) length = 1 + next_random() % length;
  if (refuses_segments(fd, to, nullptr)) return refuse_late(fd, flags);
  const ssize_t result = ::sendto(fd, data, length, flags, to, to_length);
  if (result < 0 || !step || step->error == 0) return result;
  errno = step->error;
  return -1;
}

// The first `most` bytes of a message. `vectors` has room for as many as the message has.
msghdr cut_message(const msghdr& message, size_t most, iovec* vectors) {
  msghdr cut = message;
  cut.msg_iov = vectors;
  cut.msg_iovlen = 0;
  for (size_t i = 0; i < message.msg_iovlen && most > 0; ++i) {
    const size_t length = std::min(message.msg_iov[i].iov_len, most);
    vectors[cut.msg_iovlen++] = {message.msg_iov[i].iov_base, length};
    most -= length;
  }
  return cut;
}

size_t length_of(const msghdr& message) {
  size_t length = 0;
  for (size_t i = 0; i < message.msg_iovlen; ++i) length += message.msg_iov[i].iov_len;
  return length;
}

ssize_t send_message(int fd, const msghdr* message, int flags) {
  const std::optional<Step> step = sendmsg_fault.strike_flags(flags);
  const bool fails = step && step->error != 0;
  if (!fails || step->after) {
    if (refuses_segments(fd, static_cast<const sockaddr*>(message->msg_name), message)) {
      return refuse_late(fd, flags);
    }
    std::vector<iovec> vectors(message->msg_iovlen);
    msghdr cut = *message;
    if (step && step->limit >= 0) {
      const size_t length = std::max<size_t>(length_of(cut), 1);
      const size_t most = step->limit > 0 ? step->limit : 1 + next_random() % length;
      cut = cut_message(*message, most, vectors.data());
    }
    const ssize_t result = ::sendmsg(fd, &cut, flags);
    if (!fails) return result;
  }
  errno = step->error;
  return -1;
}

int send_messages(int fd, mmsghdr* messages, unsigned count, int flags) {
  const std::optional<Step> step = sendmmsg_fault.strike_flags(flags);
  unsigned sound = 0;
  while (sound < count) {
    const msghdr& next = messages[sound].msg_hdr;
    if (refuses_segments(fd, static_cast<const sockaddr*>(next.msg_name), &next)) break;
    ++sound;
  }
  if (count > 0 && sound == 0) return refuse_late(fd, flags);
  // the kernel has begun to process the message that fails
  if (sound < count) refuse_late(fd, flags);
  count = sound;
  if (!step) return ::sendmmsg(fd, messages, count, flags);
  if (step->error != 0 && !step->after) {
    errno = step->error;
    return -1;
  }
  if (step->limit > 0) count = std::min(count, static_cast<unsigned>(step->limit));
  iovec& last = messages[count - 1].msg_hdr.msg_iov[0];
  const iovec whole = last;
  if (step->bytes > 0) last.iov_len = std::min(last.iov_len, static_cast<size_t>(step->bytes));
  int result = ::sendmmsg(fd, messages, count, flags);
  last = whole;
  if (result > 0 && step->error != 0) {
    errno = step->error;
    result = result > 1 ? result - 1 : -1;
  }
  return result;
}

void report(uint32_t first, uint32_t last) {
  if (!recording) return;
  std::lock_guard<std::mutex> lock(reported_mutex);
  reported.push_back({first, last});
}

void add_bias(msghdr* message, uint32_t bias) {
  for (cmsghdr* header = CMSG_FIRSTHDR(message); header != nullptr;
       header = CMSG_NXTHDR(message, header)) {
    sock_extended_err error;
    if (header->cmsg_type != IP_RECVERR && header->cmsg_type != IPV6_RECVERR) continue;
    if (header->cmsg_len < CMSG_LEN(sizeof error)) continue;  // cut
    std::memcpy(&error, CMSG_DATA(header), sizeof error);
    if (error.ee_origin != SO_EE_ORIGIN_ZEROCOPY) continue;
    error.ee_info += bias;
    error.ee_data += bias;
    std::memcpy(CMSG_DATA(header), &error, sizeof error);
    report(error.ee_info, error.ee_data);
  }
}

ssize_t receive_message(int fd, msghdr* message, int flags) {
  if (const std::optional<Step> step = recvmsg_fault.strike()) {
    if (step->error != 0) {
      errno = step->error;
      return -1;
    }
    if (step->limit >= 0) {
      message->msg_controllen = std::min(message->msg_controllen, static_cast<size_t>(step->limit));
    }
  }
  const ssize_t result = ::recvmsg(fd, message, flags);
  if (result >= 0) add_bias(message, kernel_id_bias);
  return result;
}

std::mutex qdisc_mutex;
char qdisc_kind[16];  // under qdisc_mutex

// Overwrites the kind of each queueing discipline in an answer, where the name fits.
void forge_qdiscs(void* data, size_t size) {
  std::lock_guard<std::mutex> lock(qdisc_mutex);
  if (qdisc_kind[0] == 0) return;
  auto left = static_cast<uint32_t>(size);
  auto* message = static_cast<nlmsghdr*>(data);
  for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
    if (message->nlmsg_type != RTM_NEWQDISC) continue;
    auto* attribute = reinterpret_cast<rtattr*>(static_cast<uint8_t*>(NLMSG_DATA(message)) +
                                                NLMSG_ALIGN(sizeof(tcmsg)));
    auto rest = static_cast<uint32_t>(NLMSG_PAYLOAD(message, sizeof(tcmsg)));
    for (; RTA_OK(attribute, rest); attribute = RTA_NEXT(attribute, rest)) {
      if (attribute->rta_type != TCA_KIND) continue;
      std::memset(RTA_DATA(attribute), 0, RTA_PAYLOAD(attribute));
      std::strncpy(static_cast<char*>(RTA_DATA(attribute)), qdisc_kind, RTA_PAYLOAD(attribute) - 1);
    }
  }
}

std::atomic<uint32_t> map_count{0};

int open_file(const char* path, int flags) {
  const uint32_t count = map_count;
  if (count == 0 || std::strcmp(path, "/proc/sys/vm/max_map_count") != 0) {
    return Wrapper<int, const char*, int>::call<raw::open, &open_fault>(path, flags);
  }
  char text[16];
  const int length = std::snprintf(text, sizeof text, "%u\n", count);
  const int fd = ::memfd_create("max_map_count", MFD_CLOEXEC);
  if (fd >= 0 && ::pwrite(fd, text, static_cast<size_t>(length), 0) != length) ::abort();
  return fd;
}

ssize_t receive(int fd, void* buffer, size_t size, int flags) {
  const ssize_t result =
      Wrapper<ssize_t, int, void*, size_t, int>::call<::recv, &recv_fault>(fd, buffer, size, flags);
  int family = 0;
  socklen_t length = sizeof family;
  if (result > 0 && ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length) == 0 &&
      family == AF_NETLINK) {
    forge_qdiscs(buffer, static_cast<size_t>(result));
  }
  return result;
}

// `limit` of the step is the length of the structure that an older kernel would return.
int get_option(int fd, int level, int name, void* value, socklen_t* length) {
  const std::optional<Step> step = getsockopt_fault.strike(name);
  if (step && step->error != 0) {
    errno = step->error;
    return -1;
  }
  if (step && step->limit == 0) return 1;
  if (step && step->limit > 0) *length = std::min(*length, static_cast<socklen_t>(step->limit));
  return ::getsockopt(fd, level, name, value, length);
}

}  // namespace

void set_qdisc_kind(const char* kind) {
  std::lock_guard<std::mutex> lock(qdisc_mutex);
  qdisc_kind[0] = 0;
  std::strncat(qdisc_kind, kind, sizeof qdisc_kind - 1);
}

void set_map_count(uint32_t count) { map_count = count; }

void set_kernel_id_bias(uint32_t bias) { kernel_id_bias = bias; }

std::vector<ReportedRange> take_reported_ranges() {
  recording = true;
  std::lock_guard<std::mutex> lock(reported_mutex);
  return std::exchange(reported, {});
}

void install_faults() {
  sys.open = open_file;
  sys.pread = Wrapper<ssize_t, int, void*, size_t, off_t>::call<::pread, &pread_fault>;
  sys.pipe2 = Wrapper<int, int*, int>::call<::pipe2, &pipe2_fault>;
  sys.socket = Wrapper<int, int, int, int>::call<::socket, &socket_fault>;
  sys.bind = Wrapper<int, int, const sockaddr*, socklen_t>::call<::bind, &bind_fault>;
  sys.connect = Wrapper<int, int, const sockaddr*, socklen_t>::call<::connect, &connect_fault>;
  sys.shutdown = Wrapper<int, int, int>::call<::shutdown, &shutdown_fault>;
  sys.setsockopt =
      Wrapper<int, int, int, int, const void*, socklen_t>::call<::setsockopt, &setsockopt_fault, 2>;
  sys.getsockopt = get_option;
  sys.sendmmsg = send_messages;
  sys.sendto = send_bytes;
  sys.sendmsg = send_message;
  sys.recvmsg = receive_message;
  sys.recv = receive;
  sys.epoll_create1 = Wrapper<int, int>::call<::epoll_create1, &epoll_create1_fault>;
  sys.epoll_ctl = Wrapper<int, int, int, int, epoll_event*>::call<::epoll_ctl, &epoll_ctl_fault, 1>;
  sys.epoll_wait =
      Wrapper<int, int, epoll_event*, int, int>::call<raw::epoll_wait, &epoll_wait_fault>;
  sys.eventfd = Wrapper<int, unsigned, int>::call<::eventfd, &eventfd_fault>;
  sys.timerfd_create = Wrapper<int, int, int>::call<::timerfd_create, &timerfd_create_fault>;
  sys.timerfd_settime = Wrapper<int, int, int, const itimerspec*,
                                itimerspec*>::call<::timerfd_settime, &timerfd_settime_fault>;
  sys.ioctl = Wrapper<int, int, unsigned long, void*>::call<raw::ioctl, &ioctl_fault, 1>;
  sys.mmap = Wrapper<void*, void*, size_t, int, int, int, off_t>::call<::mmap, &mmap_fault>;
  sys.madvise = Wrapper<int, void*, size_t, int>::call<::madvise, &madvise_fault, 2>;
  sys.remap = Wrapper<void*, void*, size_t, void*>::call<raw::remap, &remap_fault>;
  sys.clone_process = Wrapper<long>::call<raw::clone_process, &clone_process_fault>;
}

}  // namespace zerosend
