#pragma once

#include <linux/if_ether.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "kernel/interface_watch.h"
#include "sockets/lasting_error.h"
#include "sockets/socket.h"

namespace zerosend {

inline uint32_t power_of_two(uint32_t at_least) {
  uint32_t power = 1;
  while (power < at_least) power <<= 1;
  return power;
}

// What the transmit ring and AF_XDP have in common. The kernel must be told to look at the ring (a
// kick), and it has no event for the frames that come back, so the poller thread looks by a timer.
// Kicks are batched: the ring is kicked after so many frames, when JavaScript polls, and by the
// timer.
//
// After a kick that has succeeded, frames may be left all the same: the kernel stops half-way where
// SO_SNDBUF runs out or the device takes no more, and the value that the call returns does not show
// it. So which frames it has taken is read from the ring, and those that are left are kicked again:
// by the next poll, by the timer, and when the socket closes.
//
// The kernel gives a frame back by its place in the ring, or by its address. So the subclass keeps
// the id of each frame with that, and needs no ledger.
//
// The socket is bound to an interface by its index. Meanwhile the interface may change its MTU or
// its name, go down, or be removed; the poller thread hears of that (InterfaceWatch). That news may
// come a little late, so before a frame is refused as too long, the kernel is asked for the MTU of
// now.
class RingSocket : public Socket {
 public:
  // JavaScript thread.
  bool look_around() override;
  uint32_t mtu() const { return interface_->mtu(); }
  int check_sources(const Source* sources, size_t count, bool rested, uint32_t* index) override;

 protected:
  RingSocket(int fd, int epoll_fd, size_t max_queued, uint64_t first_id,
             std::shared_ptr<Slab> memory)
      : Socket(fd, epoll_fd, max_queued), memory_(std::move(memory)), next_id_(first_id) {}

  // Frames that are put into the ring before it is kicked.
  static constexpr uint32_t kKickEvery = 64;

  // ---- what a subclass does ---------------------------------------------------------------------

  // Returns 0, or the errno for a frame that must not reach the ring. Its slot exists.
  virtual int check(const Part& frame) const REQUIRES(mutex_) = 0;
  // As do_send(), of a frame that was checked; `copied` when the caller copied plain memory into
  // it.
  virtual int32_t put(const Part& frame, bool copied) REQUIRES(mutex_) = 0;
  // Has the kernel look at the ring. Calls kicked() with what it answered. Bounded: what the kernel
  // does not take now is left for the next kick.
  virtual void kick() REQUIRES(mutex_) = 0;
  // Frames in the ring that the kernel has not taken, as the ring says.
  virtual uint32_t untaken() REQUIRES(mutex_) = 0;
  // Takes in the frames that have come back. Returns their number.
  virtual size_t reap() REQUIRES(mutex_) = 0;
  // Whether frames are in the ring that have not come back.
  virtual bool under_way() const REQUIRES(mutex_) = 0;
  // After a failure: frames that the kernel has not touched end as failed, for this reason.
  virtual void withdraw(int error) REQUIRES(mutex_) = 0;

  // ---- for the subclass -------------------------------------------------------------------------

  // Follows the interface from now on, and makes the timer that wakes the poller thread. To be
  // called while opening, before anybody else knows the socket.
  Failure begin(const std::string& name, uint32_t ifindex, InterfaceWatch& interfaces);

  // Asks the kernel for the interface's MTU and state. It does so while it holds the lock, which is
  // tolerable, as this happens only where a frame is about to be refused, or after a rest. Returns
  // whether there was an answer.
  bool look_again() REQUIRES(mutex_);

  // Returns 0, or the errno for a frame that must not reach the ring, by the MTU of now.
  template <class Ring>
  static int check_now(Ring& ring, const Part& frame) REQUIRES(ring.mutex_) {
    const int error = ring.check(frame);
    return error == EMSGSIZE && ring.look_again() ? ring.check(frame) : error;
  }

  // To be called before frames are checked. After a rest the kernel may have news of interfaces
  // that the poller thread has not read yet, and the first send asks for it. While sends go on, it
  // is enough that the poller thread reads the news as it comes.
  void begin_sending() REQUIRES(mutex_) {
    if (rested_ && !kernel_checks_mtu_) catch_up();
  }

  void do_poll() override REQUIRES(mutex_);
  void do_ready(uint32_t events) override REQUIRES(mutex_);
  Failure start_watching() override REQUIRES(mutex_);
  Failure arm_watch() override REQUIRES(mutex_);
  bool wants_arming() const override REQUIRES(mutex_);
  void finish_output() override REQUIRES(mutex_);
  uint64_t next_id() const override REQUIRES(mutex_) { return next_id_; }
  // The frames of one call are all sent from the ring, or each is a copy.
  bool is_alone(const Source& source) const override { return !source.zerocopy; }
  void refuse(const Source& source, int error) override REQUIRES(mutex_) {
    fail_accepted({source.slot, source.length}, error);
  }
  void before_close() override REQUIRES(mutex_);
  void rest() override REQUIRES(mutex_) { rested_ = true; }
  void do_interface_gone() override REQUIRES(mutex_);
  State do_state() const override REQUIRES(mutex_);

  // These are do_send(), do_send_many() and do_send_run() for the subclass `Ring`. They are
  // templates so that check() and put() of each frame are direct calls: virtual calls made up a
  // third of the cost of a frame.
  template <class Ring>
  static int32_t put_one(Ring& ring, const Source& source) REQUIRES(ring.mutex_) {
    // What is sent has to begin where the slot does: a plain array over the same memory may not.
    const Slab* const memory = ring.memory_.get();
    if (source.slab != memory || source.data != memory->slot(source.slot)) return -EINVAL;
    const Part frame{source.slot, source.length};
    ring.begin_sending();
    if (const int error = check_now(ring, frame)) return -error;
    return ring.put(frame, !source.zerocopy);
  }
  template <class Ring>
  static int32_t put_many(Ring& ring, const Source* sources, size_t count) REQUIRES(ring.mutex_) {
    for (size_t i = 0; i < count; ++i) {
      if (sources[i].slab != ring.memory_.get()) return -EINVAL;
    }
    return put_all(ring, count,
                   [sources](size_t i) { return Part{sources[i].slot, sources[i].length}; });
  }
  template <class Ring>
  static int32_t put_run(Ring& ring, const Run& run) REQUIRES(ring.mutex_) {
    if (run.slab != ring.memory_.get()) return -EINVAL;
    return put_all(ring, run.count, [&run](size_t i) {
      return Part{run.first + static_cast<uint32_t>(i), run.length(i)};
    });
  }

  // Takes the next id.
  uint64_t accept(const Part& frame) REQUIRES(mutex_) {
    count_send(frame.length);
    return next_id_++;
  }

  // Whether a frame is longer than the MTU of now allows. One with a VLAN tag may be four bytes
  // longer, on Ethernet alone (packet_extra_vlan_len_allowed() in net/packet/af_packet.c).
  bool exceeds_mtu(const Part& frame) const {
    return exceeds_mtu(memory_->slot(frame.slot) + frame.offset, frame.length);
  }
  bool exceeds_mtu(const uint8_t* data, uint32_t length) const {
    const uint32_t mtu = interface_->mtu();
    if (length <= mtu + link_header_.header_length) return false;
    const bool tagged = link_header_.tag_length > 0 && data[12] == (ETH_P_8021Q >> 8) &&
                        data[13] == (ETH_P_8021Q & 0xff);
    return !tagged || length > mtu + link_header_.header_length + link_header_.tag_length;
  }

  void frames_added(uint32_t count) REQUIRES(mutex_) {
    added_ += count;
    if (added_ >= kKickEvery) kick();
  }

  // Puts all frames, or none.
  template <class Ring, class FrameAt>
  static int32_t put_all(Ring& ring, size_t count, FrameAt frame_at) REQUIRES(ring.mutex_) {
    ring.begin_sending();
    // All are checked before the first is put: a place that stays empty between them would hold up
    // the frames behind it.
    for (size_t i = 0; i < count; ++i) {
      if (const int error = check_now(ring, frame_at(i))) {
        ring.refused_at_ = static_cast<uint32_t>(i);
        return -error;
      }
    }
    for (size_t done = 0; done < count; ++done) {
      const int32_t code = ring.failed_ ? -ring.reason() : ring.put(frame_at(done), false);
      if (code >= 0) continue;
      if (done == 0) return code;
      ring.fail_accepted(frame_at(done), -code);
    }
    if (ring.added_ > 0) ring.kick();
    return 0;
  }

  // Gives a frame of a call an id with which it fails at once: the frames before it have been
  // accepted, so the call as a whole can no longer be refused.
  void fail_accepted(const Part& frame, int error) REQUIRES(mutex_);

  // Collects ids that have ended, and completes neighbours that have ended alike as one range: a
  // range when an id comes that does not continue it, and the last range when this object goes out
  // of scope.
  class Ended {
   public:
    explicit Ended(RingSocket& socket) : socket_(socket) {}
    ~Ended() { complete(); }
    Ended(const Ended&) = delete;
    Ended& operator=(const Ended&) = delete;

    void add(uint64_t id, Outcome outcome, int error = 0) {
      if (id != first_ + count_ || outcome != outcome_ || error != error_) {
        complete();
        first_ = id;
        outcome_ = outcome;
        error_ = error;
      }
      ++count_;
    }

   private:
    // Clang does not see that the lock of the socket in whose method this is a variable is held.
    void complete() NO_THREAD_SAFETY_ANALYSIS {
      if (count_ > 0) socket_.complete(first_, first_ + count_ - 1, outcome_, error_);
      count_ = 0;
    }

    RingSocket& socket_;
    uint64_t first_ = 0;
    uint64_t count_ = 0;
    Outcome outcome_ = Outcome::kZeroCopy;
    int error_ = 0;
  };

  // Milliseconds of a clock that never steps, exact to a few.
  static uint64_t coarse_ms();

  // Counts the answer of a kick, and fails the socket if it is fatal. Which frames were taken is
  // not known by the answer: see untaken().
  void kicked(ssize_t result, int error) REQUIRES(mutex_);

  const std::shared_ptr<Slab> memory_;           // the only slots that can be sent
  uint32_t added_ = 0;                           // frames put into the ring since the last kick
  LinkHeader link_header_;                       // what a frame of the interface begins with
  std::shared_ptr<WatchedInterface> interface_;  // set by begin()
  bool kernel_checks_mtu_ = true;  // a kick refuses frames that are too long; AF_XDP does not
  bool link_down_ = false;         // the last kick found the interface down; it will be tried again
  bool busy_is_drop_ = false;      // EBUSY means that the device has dropped one packet
  LastingError denied_;            // of kicks

 private:
  void catch_up() REQUIRES(mutex_);
  void note_facts(const InterfaceFacts& facts) REQUIRES(mutex_);
  void note_link() REQUIRES(mutex_);

  InterfaceWatch* interface_watch_ = nullptr;
  bool rested_ = true;           // sends have stopped since the last catch_up()
  InterfaceFacts facts_;         // as last asked for
  uint64_t dropped_before_ = 0;  // by the interface, at the last look
  int timer_fd_ = -1;
  long interval_ns_ = kShortestInterval;
  uint64_t next_id_;

  static constexpr long kShortestInterval = 50'000;
  static constexpr long kLongestInterval = 2'000'000;
};

}  // namespace zerosend
