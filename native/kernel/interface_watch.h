#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kernel/interface.h"

namespace zerosend {

// An interface that sockets use, in its latest known state. InterfaceWatch keeps it up to date on
// the poller thread; sockets read it on any thread.
class WatchedInterface {
 public:
  WatchedInterface(uint32_t index, uint32_t mtu) : index_(index), mtu_(mtu) {}

  uint32_t index() const { return index_; }
  uint32_t mtu() const { return mtu_.load(std::memory_order_relaxed); }
  bool can_send() const { return can_send_.load(std::memory_order_relaxed); }
  bool gone() const { return gone_.load(std::memory_order_relaxed); }
  std::string name() const;

  // The kernel has announced this.
  void tell(const InterfaceFacts& facts);
  void tell_gone() { gone_ = true; }
  // Asks the kernel. An answer that others have overtaken with what they were told meanwhile may be
  // older than that: then the kernel is asked anew, and after a few times what was told counts.
  Failure ask(InterfaceFacts* facts);

  // Returns true once each time that the interface has become unable to send: to the first caller.
  bool claim_down() { return !can_send() && !down_claimed_.exchange(true); }

 private:
  void take(const InterfaceFacts& facts);

  const uint32_t index_;
  std::atomic<uint32_t> told_{0};  // how often anything was told or answered; set under mutex_
  std::atomic<uint32_t> mtu_;
  std::atomic<bool> can_send_{true};
  std::atomic<bool> gone_{false};
  std::atomic<bool> down_claimed_{false};
  mutable std::mutex mutex_;  // innermost lock: no other lock is taken under it
  std::string name_;
};

// Follows changes to network interfaces (rtnetlink(7), RTNLGRP_LINK): MTU, name, up and down,
// carrier, removal. The kernel queues a message within the call that makes the change, and the
// poller thread takes it in, so sockets know of the change as soon as that thread has run.
class InterfaceWatch {
 public:
  ~InterfaceWatch();

  // JavaScript thread. Sets the epoll instance that is to watch the subscription, and the token of
  // its events.
  void set_epoll(int fd, uint64_t token) {
    epoll_fd_ = fd;
    token_ = token;
  }
  // Ends the subscription. Has to be called after the poller thread and all sockets have ended.
  void stop();

  // JavaScript thread. Returns the interface of this index, which is kept up to date from now on,
  // or null when it is gone. `*facts` becomes its present state. Subscribes if that has not been
  // done yet. Where netlink(7) is not available (in a sandbox), `mtu` is used instead: the socket
  // works, but does not learn of changes, and `facts->index` is 0.
  std::shared_ptr<WatchedInterface> follow(uint32_t index, uint32_t mtu, InterfaceFacts* facts);

  // Poller thread. Takes all messages in. Returns whether an interface is gone.
  bool take_news();

  // Any thread. Returns whether there are messages that were not taken in yet. Costs one system
  // call.
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
