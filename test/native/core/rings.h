// What the tests of ring sockets share: a seam that is put back, news as a list, a clock that
// stands.
#pragma once

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "kernel/syscalls.h"
#include "sockets/socket.h"

namespace rings {

using zerosend::Record;
using zerosend::Slab;
using zerosend::Socket;
using zerosend::Source;
using zerosend::sys;

// The time of the clock of sockets, in milliseconds, for as long as a Seam lives.
inline int64_t now_ms = 0;
// What the timer of the socket was last set to.
inline long timer_ns = 0;
inline int timer_error = 0;

// The interface of the socket, as far as it is asked for.
struct Interface {
  uint16_t type = ARPHRD_ETHER;
  bool has_netlink = false;  // without it, only ioctl() answers, and nothing is heard of later
  uint32_t mtu = 1500;
  bool running = true;
  bool gone = false;
};
inline Interface interface;

inline int open_socket(int family, int, int) {
  if (family != AF_NETLINK || interface.has_netlink) return ::eventfd(0, EFD_CLOEXEC);
  errno = EPERM;
  return -1;
}

inline int answer_ioctl(int, unsigned long request, void* argument) {
  auto* answer = static_cast<ifreq*>(argument);
  if (request == SIOCGIFMTU) answer->ifr_mtu = static_cast<int>(interface.mtu);
  if (request == SIOCGIFHWADDR) answer->ifr_hwaddr.sa_family = interface.type;
  return 0;
}

// The answer to RTM_GETLINK.
inline ssize_t answer_netlink(int, void* buffer, size_t size, int) {
  struct Facts {
    nlmsghdr header;
    ifinfomsg body;
    rtattr attribute;
    uint32_t mtu;
  } facts{};
  facts.header.nlmsg_len = sizeof facts;
  facts.header.nlmsg_type = RTM_NEWLINK;
  facts.body.ifi_index = 1;
  facts.body.ifi_flags = interface.running ? IFF_UP : 0;
  facts.attribute = {RTA_LENGTH(sizeof facts.mtu), IFLA_MTU};
  facts.mtu = interface.mtu;
  struct Refusal {
    nlmsghdr header;
    nlmsgerr error;
  } refusal{};
  refusal.header.nlmsg_len = sizeof refusal;
  refusal.header.nlmsg_type = NLMSG_ERROR;
  refusal.error.error = -ENODEV;
  const size_t length = std::min(size, interface.gone ? sizeof refusal : sizeof facts);
  std::memcpy(buffer, interface.gone ? static_cast<void*>(&refusal) : &facts, length);
  return static_cast<ssize_t>(length);
}

// Keeps the table of system calls, and puts it back.
class Seam {
 public:
  Seam() : kept_(sys), epoll_fd_(::epoll_create1(EPOLL_CLOEXEC)) {
    now_ms = 1'000'000;
    timer_ns = 0;
    sys.socket = open_socket;
    sys.ioctl = answer_ioctl;
    sys.recv = answer_netlink;
    sys.clock_gettime = [](clockid_t, timespec* time) {
      *time = {now_ms / 1000, now_ms % 1000 * 1'000'000};
      return 0;
    };
    sys.timerfd_settime = [](int, int, const itimerspec* time, itimerspec*) {
      timer_ns = time->it_value.tv_nsec;
      return 0;
    };
  }
  ~Seam() {
    ::close(epoll_fd_);
    sys = kept_;
    interface = {};
  }
  Seam(const Seam&) = delete;
  Seam& operator=(const Seam&) = delete;

  int epoll_fd() const { return epoll_fd_; }

 private:
  const zerosend::Syscalls kept_;
  const int epoll_fd_;
};

// How each id ended, and how often its end was reported.
struct News {
  struct End {
    uint32_t kind;
    int times;
    uint32_t error;  // of those that failed
  };
  std::map<uint64_t, End> ends;
  std::vector<uint64_t> order;
  std::vector<uint64_t> retired;
  std::vector<uint64_t> passed;
  int errors = 0;
  int downs = 0;

  void take(Socket& socket) {
    Record records[64];
    bool more = true;
    while (more) {
      const size_t count = socket.take(records, 64, &more);
      for (size_t i = 0; i < count; ++i) add(records[i]);
    }
  }
  // The kind of record that an id ended with, or -1.
  int end_of(uint64_t id) const {
    const auto end = ends.find(id);
    return end == ends.end() ? -1 : static_cast<int>(end->second.kind);
  }
  // The reason for which an id failed, or 0.
  int error_of(uint64_t id) const {
    const auto end = ends.find(id);
    return end == ends.end() ? 0 : static_cast<int>(end->second.error);
  }
  int most_times() const {
    int most = 0;
    for (const auto& [id, end] : ends) most = end.times > most ? end.times : most;
    return most;
  }

 private:
  void add(const Record& record) {
    if (record.kind == Record::kRetired) retired.push_back(record.first);
    if (record.kind == Record::kPassed) passed.push_back(record.first);
    if (record.kind == Record::kError) ++errors;
    if (record.kind == Record::kLinkDown) ++downs;
    const bool failed = record.kind >= Record::kFailure;
    if (record.kind >= Record::kDrain && !failed) return;
    for (uint64_t id = record.first; id <= record.last; ++id) {
      End& end = ends[id];
      end = {failed ? 4 : record.kind, end.times + 1, failed ? record.kind - Record::kFailure : 0};
      order.push_back(id);
    }
  }
};

inline int32_t send(Socket& socket, Slab& slab, uint32_t slot, uint32_t length) {
  uint32_t queued = 0;
  return socket.send({&slab, slab.slot(slot), slot, length, true}, nullptr, &queued);
}

constexpr int kZeroCopy = 0;
constexpr int kCopied = 1;
constexpr int kRevoked = 3;
constexpr int kFailed = 4;

}  // namespace rings
