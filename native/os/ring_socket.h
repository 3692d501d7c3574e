#pragma once

#include <linux/if_ether.h>

#include "os/socket.h"

namespace zerosend {

// What the transmit ring and AF_XDP have in common: the kernel must be told to look at the ring (a
// kick), and it has no event for the frames that come back, so the poller thread looks by a timer.
// Kicks are batched: after so many frames, when JavaScript polls, and by the timer.
class RingSocket : public Socket {
 protected:
  RingSocket(int fd, int epoll_fd, size_t max_queued, uint64_t first_id)
      : Socket(fd, epoll_fd, max_queued, first_id, 0) {}

  // Frames that are put into the ring before it is kicked.
  static constexpr uint32_t kKickEvery = 64;

  // ---- what a subclass does ---------------------------------------------------------------------

  // 0, or the errno for a frame that must not reach the ring.
  virtual int check(const Source& source) const = 0;
  // As do_send(), of a frame that was checked.
  virtual int32_t put(const Source& source) = 0;
  // Has the kernel look at the ring. Calls kicked() with what it answered.
  virtual void kick() = 0;
  // Takes in the frames that have come back. Returns their number.
  virtual size_t reap() = 0;

  // ---- for the subclass -------------------------------------------------------------------------

  // Makes the timer that wakes the poller thread. To be called while opening. Returns 0 or an
  // errno.
  int make_timer();

  int32_t do_send(const Source& source, const Address*) override;
  void do_poll() override;
  void do_ready(uint32_t events) override;
  int32_t do_send_many(const Source* sources, size_t count) override;
  int start_watching() override;
  int watch() override;
  bool wants_arming() const override;
  int part_from_kernel(Source& source) override;
  void before_close() override;

  // Whether an Ethernet frame is longer than the MTU allows. One with a VLAN tag may be four bytes
  // longer.
  static bool exceeds_mtu(const Source& source, uint32_t mtu) {
    if (source.length <= mtu + ETH_HLEN) return false;
    const bool tagged = source.data[12] == (ETH_P_8021Q >> 8) && source.data[13] == 0;
    return !tagged || source.length > mtu + ETH_HLEN + 4;
  }

  void frames_added(uint32_t count) {
    unkicked_ += count;
    if (unkicked_ >= kKickEvery) kick();
  }

  // Kernel ids that have come back, mostly in the order in which they were given out: settled as
  // few ranges. The last of them when it goes out of scope.
  class Returned {
   public:
    Returned(RingSocket& socket, Outcome outcome) : socket_(socket), outcome_(outcome) {}
    ~Returned() { settle(); }
    Returned(const Returned&) = delete;
    Returned& operator=(const Returned&) = delete;

    void add(uint32_t kernel_id) {
      if (kernel_id != first_ + count_) {
        settle();
        first_ = kernel_id;
      }
      ++count_;
    }

   private:
    void settle() {
      if (count_ > 0) socket_.settle(first_, first_ + count_ - 1, outcome_);
      count_ = 0;
    }

    RingSocket& socket_;
    const Outcome outcome_;
    uint32_t first_ = 0;
    uint32_t count_ = 0;
  };

  // The kernel ids first..last, modulo 2^32, have ended in this way.
  void settle(uint32_t first, uint32_t last, Outcome outcome) {
    ledger_.settle_kernel(first, last, outcome, completer());
  }

  // Books the answer of a kick. True when the kernel has seen all frames.
  bool kicked(ssize_t result, int error);

  uint32_t unkicked_ = 0;      // frames in the ring of which the kernel has not been told
  bool link_down_ = false;     // the last kick found the interface down; it will be tried again
  bool busy_is_drop_ = false;  // EBUSY means that the device has dropped one packet

 private:
  int timer_fd_ = -1;
  long interval_ns_ = kShortestInterval;

  static constexpr long kShortestInterval = 50'000;
  static constexpr long kLongestInterval = 2'000'000;
};

}  // namespace zerosend
