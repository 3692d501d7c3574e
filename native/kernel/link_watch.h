#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "kernel/link.h"

namespace zerosend {

// Hears of changes to network interfaces (rtnetlink(7), RTNLGRP_LINK): MTU, name, up and down,
// carrier, the end. The kernel queues the news within the call that makes the change, and the
// poller thread takes it in, so sockets know as soon as that thread has run.
class LinkWatch {
 public:
  ~LinkWatch();

  // JavaScript thread. Where news is to be reported, and under which token.
  void set_epoll(int fd, uint64_t token) {
    epoll_fd_ = fd;
    token_ = token;
  }
  // After the poller thread has ended, and all sockets with it.
  void stop();

  // JavaScript thread. The interface of this index, kept up to date from now on; `*facts` is what
  // it is now. Null when it is gone. Subscribes, if nobody has yet. `mtu` stands where netlink(7)
  // is not to be had (a sandbox): then the socket works, but hears of nothing, and `facts->index`
  // is 0.
  std::shared_ptr<LinkState> follow(uint32_t index, uint32_t mtu, LinkFacts* facts);

  // Poller thread. Takes all news in. Returns whether an interface is gone.
  bool take_news();

  // Any thread. Whether there is news that was not taken in yet: one call to the kernel.
  bool has_news() const;

 private:
  void subscribe();
  bool take(nlmsghdr* message);
  bool read_all();

  int epoll_fd_ = -1;
  uint64_t token_ = 0;
  int fd_ = -1;
  std::mutex mutex_;
  std::vector<std::weak_ptr<LinkState>> links_;  // under mutex_; few
};

}  // namespace zerosend
