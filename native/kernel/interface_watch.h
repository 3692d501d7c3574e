#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kernel/interface.h"

namespace zerosend {

// An interface for as long as sockets use it, as it was when it was last heard of. InterfaceWatch
// keeps it up to date from the poller thread; sockets read it on any thread.
class WatchedInterface {
 public:
  WatchedInterface(uint32_t index, uint32_t mtu) : index_(index), mtu_(mtu) {}

  uint32_t index() const { return index_; }
  uint32_t mtu() const { return mtu_.load(std::memory_order_relaxed); }
  bool can_send() const { return can_send_.load(std::memory_order_relaxed); }
  bool gone() const { return gone_.load(std::memory_order_relaxed); }
  std::string name() const;

  void tell(const InterfaceFacts& facts);
  void tell_gone() { gone_ = true; }

  // Returns whether the interface cannot send, to the first who asks since it cannot.
  bool claim_down() { return !can_send() && !down_claimed_.exchange(true); }

 private:
  const uint32_t index_;
  std::atomic<uint32_t> mtu_;
  std::atomic<bool> can_send_{true};
  std::atomic<bool> gone_{false};
  std::atomic<bool> down_claimed_{false};
  mutable std::mutex name_mutex_;  // innermost: nothing else is locked under it
  std::string name_;
};

// Hears of changes to network interfaces (rtnetlink(7), RTNLGRP_LINK): MTU, name, up and down,
// carrier, the end. The kernel queues the news within the call that makes the change, and the
// poller thread takes it in, so sockets know as soon as that thread has run.
class InterfaceWatch {
 public:
  ~InterfaceWatch();

  // JavaScript thread. Sets the epoll instance to which news is reported, and the token of the
  // events.
  void set_epoll(int fd, uint64_t token) {
    epoll_fd_ = fd;
    token_ = token;
  }
  // Ends the subscription. To be called after the poller thread and all sockets have ended.
  void stop();

  // JavaScript thread. Returns the interface of this index, which is kept up to date from now on,
  // or null when it is gone. `*facts` becomes what it is now. Subscribes to news if nobody has yet.
  // `mtu` stands in where netlink(7) is not to be had (a sandbox): then the socket works, but hears
  // of nothing, and `facts->index` is 0.
  std::shared_ptr<WatchedInterface> follow(uint32_t index, uint32_t mtu, InterfaceFacts* facts);

  // Poller thread. Takes all news in. Returns whether an interface is gone.
  bool take_news();

  // Any thread. Returns whether there is news that was not taken in yet. Costs one call to the
  // kernel.
  bool has_news() const;

 private:
  void subscribe();
  bool take(nlmsghdr* message);
  bool read_all();

  int epoll_fd_ = -1;
  uint64_t token_ = 0;
  int fd_ = -1;
  std::mutex mutex_;
  std::vector<std::weak_ptr<WatchedInterface>> interfaces_;  // under mutex_; few
};

}  // namespace zerosend
