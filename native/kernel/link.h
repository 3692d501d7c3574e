#pragma once

#include <linux/netlink.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

namespace zerosend {

// What rtnetlink tells of a network interface at one moment.
struct LinkFacts {
  uint32_t index = 0;  // 0: nothing is known
  std::string name;
  uint32_t mtu = 0;
  bool up = false;          // IFF_UP: somebody has set it up
  bool carrier = false;     // and what is below it can transmit
  uint8_t operstate = 0;    // IF_OPER_*, RFC 2863
  uint32_t queues = 0;      // transmit queues that it was made with; it may use fewer
  uint64_t tx_dropped = 0;  // packets, of all who send through it

  bool can_send() const { return up && carrier; }
};

// Reads RTM_NEWLINK. False for messages about something else: a bridge tells of its ports by the
// same type, and says "deleted" of a port that has only left it.
bool parse_link(nlmsghdr* message, LinkFacts* facts);

// Asks for an interface by its index (RTM_GETLINK): a name may be another interface's by now.
// Returns 0 or an errno, ENODEV for one that is gone. Any thread; waits while somebody changes the
// configuration of the network.
int read_link(uint32_t index, LinkFacts* facts);

// An interface for as long as sockets use it, as it was when it was last heard of. LinkWatch keeps
// it up to date from the poller thread; sockets read it on any thread.
class LinkState {
 public:
  LinkState(uint32_t index, uint32_t mtu) : index_(index), mtu_(mtu) {}

  uint32_t index() const { return index_; }
  uint32_t mtu() const { return mtu_.load(std::memory_order_relaxed); }
  bool can_send() const { return can_send_.load(std::memory_order_relaxed); }
  bool gone() const { return gone_.load(std::memory_order_relaxed); }
  std::string name() const;

  void tell(const LinkFacts& facts);
  void tell_gone() { gone_ = true; }

  // Whether this is the first to ask since the interface could not send.
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

}  // namespace zerosend
