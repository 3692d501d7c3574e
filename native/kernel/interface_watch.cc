#include "kernel/interface_watch.h"

#include <linux/rtnetlink.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "kernel/syscalls.h"

namespace zerosend {

std::string WatchedInterface::name() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return name_;
}

void WatchedInterface::tell(const InterfaceFacts& facts) {
  std::lock_guard<std::mutex> lock(mutex_);
  take(facts);
}

Failure WatchedInterface::ask(InterfaceFacts* facts) {
  constexpr int kMostTries = 3;
  for (int tries = 0; tries < kMostTries; ++tries) {
    const uint32_t before = told_;
    const Failure failed = read_interface(index_, facts);
    if (failed.error == ENODEV) tell_gone();
    if (failed) return failed;
    std::lock_guard<std::mutex> lock(mutex_);
    if (told_ != before) continue;
    take(*facts);
    break;
  }
  return {};
}

void WatchedInterface::take(const InterfaceFacts& facts) {
  ++told_;
  mtu_.store(facts.mtu, std::memory_order_relaxed);
  can_send_ = facts.can_send();
  // the next time that it is down is to be claimed anew
  if (facts.can_send()) down_claimed_ = false;
  if (name_ != facts.name) name_ = facts.name;
}

InterfaceWatch::~InterfaceWatch() { stop(); }

// Where subscribing fails, sockets do not learn of changes. The next socket that is opened tries
// again.
void InterfaceWatch::subscribe() {
  if (fd_ >= 0) return;
  fd_ = sys.socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd_ < 0) return;
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = token_;
  if (sys.bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      sys.epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd_, &event) != 0) {
    stop();
  }
}

void InterfaceWatch::stop() {
  if (fd_ >= 0) sys.close(fd_);
  fd_ = -1;
}

std::shared_ptr<WatchedInterface> InterfaceWatch::follow(uint32_t index, uint32_t mtu,
                                                         InterfaceFacts* facts) {
  subscribe();
  std::shared_ptr<WatchedInterface> interface;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    interfaces_.erase(std::remove_if(interfaces_.begin(), interfaces_.end(),
                                     [](const auto& weak) { return weak.expired(); }),
                      interfaces_.end());
    for (const auto& weak : interfaces_) {
      const auto known = weak.lock();
      // An interface that is gone is not used: its index may belong to another one by now.
      if (known && known->index() == index && !known->gone()) interface = known;
    }
    if (!interface) {
      interface = std::make_shared<WatchedInterface>(index, mtu);
      interfaces_.push_back(interface);
    }
  }
  // The interface is on the list already, so any change from now on arrives as a message that the
  // poller thread takes in.
  return interface->ask(facts).error == ENODEV ? nullptr : interface;
}

// Updates the interface that the message is about. Returns whether it is gone.
bool InterfaceWatch::take(nlmsghdr* message) {
  InterfaceFacts facts;
  const bool gone = message->nlmsg_type == RTM_DELLINK;
  if ((!gone && message->nlmsg_type != RTM_NEWLINK) || !parse_interface(message, &facts))
    return false;
  std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& weak : interfaces_) {
    const auto interface = weak.lock();
    if (!interface || interface->index() != facts.index || interface->gone()) continue;
    if (gone) {
      interface->tell_gone();
    } else {
      interface->tell(facts);
    }
  }
  return gone;
}

// Messages were lost since the queue was full, so each interface is asked for. Returns whether one
// is gone.
bool InterfaceWatch::read_all() {
  std::vector<std::weak_ptr<WatchedInterface>> interfaces;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    interfaces = interfaces_;
  }
  bool gone = false;
  for (const auto& weak : interfaces) {
    const std::shared_ptr<WatchedInterface> interface = weak.lock();
    if (!interface) continue;
    InterfaceFacts facts;
    if (interface->ask(&facts).error == ENODEV) gone = true;
  }
  return gone;
}

bool InterfaceWatch::take_news() {
  alignas(nlmsghdr) uint8_t buffer[32768];
  bool gone = false;
  bool overflowed = false;
  for (;;) {
    const ssize_t size = sys.recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == ENOBUFS && !overflowed) {
      overflowed = true;
      gone |= read_all();
      continue;
    }
    if (size < 0 && errno != EAGAIN && errno != ENOBUFS) {
      // What is there can never be read (recv is denied), and would wake the thread for ever.
      epoll_event unused{};
      sys.epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd_, &unused);
    }
    if (size <= 0) return gone;
    auto left = static_cast<uint32_t>(size);
    auto* message = reinterpret_cast<nlmsghdr*>(buffer);
    for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) gone |= take(message);
  }
}

bool InterfaceWatch::has_news() const {
  char byte;
  return sys.recv(fd_, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

}  // namespace zerosend
