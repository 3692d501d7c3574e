#include "kernel/link_watch.h"

#include <linux/rtnetlink.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "kernel/syscalls.h"

namespace zerosend {

LinkWatch::~LinkWatch() { stop(); }

// Where that fails, sockets hear of nothing, and the next one tries again.
void LinkWatch::subscribe() {
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

void LinkWatch::stop() {
  if (fd_ >= 0) sys.close(fd_);
  fd_ = -1;
}

std::shared_ptr<LinkState> LinkWatch::follow(uint32_t index, uint32_t mtu, LinkFacts* facts) {
  subscribe();
  std::shared_ptr<LinkState> link;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    links_.erase(std::remove_if(links_.begin(), links_.end(),
                                [](const auto& weak) { return weak.expired(); }),
                 links_.end());
    for (const auto& weak : links_) {
      const auto known = weak.lock();
      // The index of one that is gone can be another interface's.
      if (known && known->index() == index && !known->gone()) link = known;
    }
    if (!link) {
      link = std::make_shared<LinkState>(index, mtu);
      links_.push_back(link);
    }
  }
  // After it is on the list: what changes from now on is news, which the poller thread takes in.
  const int error = read_link(index, facts);
  if (error == ENODEV) return nullptr;
  if (error == 0) link->tell(*facts);
  return link;
}

// Returns whether an interface is gone.
bool LinkWatch::take(nlmsghdr* message) {
  LinkFacts facts;
  const bool gone = message->nlmsg_type == RTM_DELLINK;
  if ((!gone && message->nlmsg_type != RTM_NEWLINK) || !parse_link(message, &facts)) return false;
  std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& weak : links_) {
    const auto link = weak.lock();
    if (!link || link->index() != facts.index || link->gone()) continue;
    if (gone) {
      link->tell_gone();
    } else {
      link->tell(facts);
    }
  }
  return gone;
}

// News was lost for want of room in the queue, so each interface is asked for.
bool LinkWatch::read_all() {
  std::vector<std::weak_ptr<LinkState>> links;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    links = links_;
  }
  bool gone = false;
  for (const auto& weak : links) {
    const std::shared_ptr<LinkState> link = weak.lock();
    if (!link) continue;
    LinkFacts facts;
    const int error = read_link(link->index(), &facts);
    if (error == 0) link->tell(facts);
    if (error != ENODEV) continue;
    link->tell_gone();
    gone = true;
  }
  return gone;
}

bool LinkWatch::take_news() {
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
    if (size <= 0) return gone;
    auto left = static_cast<uint32_t>(size);
    auto* message = reinterpret_cast<nlmsghdr*>(buffer);
    for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) gone |= take(message);
  }
}

bool LinkWatch::has_news() const {
  char byte;
  return sys.recv(fd_, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

}  // namespace zerosend
