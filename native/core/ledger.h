#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include "core/id_ring.h"
#include "core/range.h"

namespace zerosend {

// The kernel ids of one notification, by what they were. Only `completed` frees anything.
// `duplicates` and `unknown` should never be reported by the kernel.
struct NotificationEffect {
  uint64_t completed = 0;   // kernel ids that were outstanding until now
  uint64_t duplicates = 0;  // kernel ids that had completed before
  uint64_t unknown = 0;     // kernel ids that were never given out, or a range that runs backwards
  uint64_t phantoms = 0;    // kernel ids that a refused send took all the same
  uint64_t revoked = 0;     // kernel ids of sends that revoke() had given up
};

// Ties the kernel's ids to the ids of sends. It makes no system call and takes no lock: its owner
// serializes the calls.
//
// Send ids are 64 bit and count accepted sends. Kernel ids are 32 bit, wrap, and count accepted
// messages with MSG_ZEROCOPY. A send may have no kernel id (it was copied inline), one, or several
// (the kernel took it in pieces), so the two counts run apart:
//
//   sends    [ 7: 1 piece ][ 8: inline ][ 9: 2 pieces ]
//               |                          |       |
//   kernel   [  5  ]                    [  6  ] [  7  ]
//
// A send is complete when it is closed (all its bytes were accepted, or given up) and all its
// kernel ids have been notified. Each completes exactly once.
//
// `Payload` is what must live until then (the memory). The sink is called as
// `sink(send_id, outcome, payload)` for each send that completes; it must not call back.
template <class Payload>
class Ledger {
 public:
  // Only tests, of the wrap, pass first ids other than 0.
  explicit Ledger(uint64_t first_send = 0, uint64_t first_kernel = 0)
      : sends_(first_send, kFew), kernel_(first_kernel, kFew) {}

  uint64_t next_send() const { return sends_.end(); }
  // Every send before this one is complete.
  uint64_t oldest_send() const { return sends_.begin(); }
  // For tests only.
  uint64_t next_kernel() const { return kernel_.end(); }
  // How many sends are not complete. For tests only, so they are counted at each call.
  uint64_t open_or_outstanding() const {
    uint64_t count = 0;
    for (uint64_t id = sends_.begin(); id != sends_.end(); ++id) count += !sends_[id].complete;
    return count;
  }
  uint64_t kernel_outstanding() const { return kernel_outstanding_; }

  // Takes the next send id. The send stays open until close() or fail(). The entry is filled in at
  // its final place. Built on the stack, it would be read as a whole just after it was written in
  // parts, which stalls the processor's store forwarding.
  template <class P>
  uint64_t open(P&& payload) {
    Send& send = sends_.extend();
    send.payload = std::forward<P>(payload);
    send.pending = 1;
    send.outcome = Outcome::kZeroCopy;
    send.complete = false;
    return sends_.end() - 1;
  }

  // Does what open(), add_zerocopy_piece() and close() do together, for a send of one piece.
  template <class P>
  uint64_t add_sent(P&& payload) {
    const uint64_t id = open(std::forward<P>(payload));
    ++kernel_outstanding_;
    kernel_.push(id);
    return id;
  }

  // Does what open(), add_inline_piece() and close() do together, for a send of one piece. The send
  // is complete, and the sink is not called. While nothing else is in flight, no entry is made for
  // it.
  uint64_t add_copied() {
    if (sends_.empty()) return sends_.pass();
    Send& send = sends_.extend();
    send.pending = 0;
    send.outcome = Outcome::kInline;
    send.complete = true;
    return sends_.end() - 1;
  }

  // Removes the newest `count` sends of add_sent(), which the kernel did not accept after all. Has
  // to be called before the next notification and the next doubt.
  void retract_sent(size_t count) {
    for (; count > 0 && !kernel_.empty() && kernel_.back() + 1 == sends_.end(); --count) {
      --kernel_outstanding_;
      kernel_.pop_back();
      sends_.pop_back();
    }
  }

  Payload& payload(uint64_t id) { return sends_[id].payload; }

  // The error that fail() was given. Valid only for a send that has failed: for others the field is
  // not cleared.
  uint16_t error_of(uint64_t id) const { return sends_[id].error; }

  // The kernel accepted a piece with MSG_ZEROCOPY: it takes the next kernel id.
  void add_zerocopy_piece(uint64_t id) {
    ++sends_[id].pending;
    ++kernel_outstanding_;
    kernel_.push(id);
  }

  // The kernel accepted a piece by copying it: there will be no notification.
  void add_inline_piece(uint64_t id) { degrade(sends_[id], Outcome::kInline); }

  // All bytes of the send have been accepted.
  template <class Sink>
  void close(uint64_t id, Sink&& sink) {
    settle(id, sink);
    forget_completed();
  }

  // The rest of the send will never reach the kernel. Its completion still waits for the pieces
  // that did. `error` is the reason, which the sink can read by error_of().
  template <class Sink>
  void fail(uint64_t id, Sink&& sink, uint16_t error = 0) {
    sends_[id].error = error;
    degrade(sends_[id], Outcome::kFailed);
    close(id, sink);
  }

  // ---- doubts -----------------------------------------------------------------------------------
  //
  // A datagram that the kernel refuses late has taken a kernel id nevertheless, a "phantom". Its
  // notification may be on the error queue before the call returns, may be merged with earlier
  // ones, or may come only when a part of the datagram that is still held (by a queueing
  // discipline, or as a copy made by a firewall) is freed. So each refusal raises a doubt: the
  // kernel's count is next_kernel(), or up to doubts() more. Until the count is certain again, no
  // send may take a kernel id: from then on all ids would be off by one, and memory would be freed
  // too early.

  // One more kernel id may have been taken.
  void doubt() { ++doubts_; }

  // Removes `count` doubts: these calls took no kernel id, or one that has been notified.
  void dispel(uint64_t count) { doubts_ -= count < doubts_ ? count : doubts_; }

  uint64_t doubts() const { return doubts_; }
  bool certain() const { return doubts_ == 0; }

  // A notification for the kernel ids first..last, both inclusive, modulo 2^32.
  template <class Sink>
  NotificationEffect notify(uint32_t first, uint32_t last, bool copied, Sink&& sink) {
    return settle_kernel(first, last, copied ? Outcome::kCopied : Outcome::kZeroCopy, sink);
  }

  // The kernel ids first..last have ended in this way.
  template <class Sink>
  NotificationEffect settle_kernel(uint32_t first, uint32_t last, Outcome outcome, Sink&& sink) {
    NotificationEffect effect;
    const uint64_t begin = widen(first);
    const uint64_t count = static_cast<uint64_t>(last - first) + 1;
    const uint64_t end = begin + count;
    // A count of more than half of all ids means that the range runs backwards. Past the first
    // wrap, it would reach from an old id to the end of the window and free all of it. A range that
    // reaches past the last id that can have been taken is garbage as well, and is refused as a
    // whole.
    if (count > uint64_t{1} << 31 || begin >= limit() || count > limit() - begin) {
      effect.unknown = count;
      return effect;
    }
    // The kernel counts upwards, so all ids up to this one have been taken, by sends that it
    // refused.
    for (; kernel_.end() < end; --doubts_) kernel_.push(kPhantom);
    // Ids before the window have completed earlier.
    uint64_t id = begin;
    if (id < kernel_.begin()) {
      const uint64_t stop = end < kernel_.begin() ? end : kernel_.begin();
      effect.duplicates += stop - id;
      id = stop;
    }
    for (; id < end; ++id) {
      uint64_t& send = kernel_[id];
      if (send == kNotified) {
        ++effect.duplicates;
        continue;
      }
      if (send == kPhantom) {
        ++effect.phantoms;
        send = kNotified;
        continue;
      }
      if (send == kRevoked) {
        ++effect.revoked;
        send = kNotified;
        continue;
      }
      degrade(sends_[send], outcome);
      --kernel_outstanding_;
      ++effect.completed;
      settle(send, sink);
      send = kNotified;
    }
    forget_notified();
    forget_completed();
    return effect;
  }

  // Visits the payload of every send that the kernel may still read.
  template <class Visit>
  void for_each_held(Visit&& visit) {
    for (uint64_t id = sends_.begin(); id != sends_.end(); ++id) {
      if (!sends_[id].complete && sends_[id].pending > 0) visit(sends_[id].payload);
    }
  }

  // Gives up on every send that is not complete. `before` is called as `before(id, payload)` for
  // each one that the kernel may still read, and must make its memory safe to reuse. Notifications
  // may arrive later, and free nothing.
  template <class Before, class Sink>
  void revoke(Before&& before, Sink&& sink) {
    for (uint64_t id = sends_.begin(); id != sends_.end(); ++id) {
      Send& send = sends_[id];
      if (send.complete || send.pending == 0) continue;
      before(id, send.payload);
      degrade(send, Outcome::kRevoked);
    }
    for (uint64_t id = kernel_.begin(); id != kernel_.end(); ++id) {
      uint64_t& send = kernel_[id];
      if (send >= kRevoked) continue;
      --kernel_outstanding_;
      settle(send, sink);
      send = kRevoked;
    }
    forget_completed();
  }

 private:
  // The initial size. Where there are many sockets, each has few sends in flight, and their entries
  // should stay in the CPU's cache.
  static constexpr size_t kFew = 16;

  // Values that stand in kernel_ in place of a send: the kernel id has been notified, or it has
  // not, and was taken by a refused send, or by one that was revoked.
  static constexpr uint64_t kNotified = ~uint64_t{0};
  static constexpr uint64_t kPhantom = kNotified - 1;
  static constexpr uint64_t kRevoked = kNotified - 2;

  struct Send {
    Payload payload{};
    uint32_t pending = 0;  // kernel ids that have not been notified, plus 1 while the send is open
    Outcome outcome = Outcome::kZeroCopy;
    bool complete = false;
    uint16_t error = 0;  // set by fail(), and not cleared
  };

  static void degrade(Send& send, Outcome outcome) { send.outcome = worse(send.outcome, outcome); }

  // The first kernel id that cannot have been taken.
  uint64_t limit() const { return kernel_.end() + doubts_; }

  // The 64-bit kernel id that a 32-bit one stands for: the latest before `limit()`. A late
  // notification after the wrap stays right, since no more than 2^32 are ever outstanding. An id
  // that was never given out widens to the limit itself or (near the start) below zero, which as an
  // unsigned number is beyond the limit: both are refused by the caller.
  uint64_t widen(uint32_t id) const {
    return limit() - static_cast<uint32_t>(static_cast<uint32_t>(limit()) - id);
  }

  template <class Sink>
  void settle(uint64_t id, Sink&& sink) {
    Send& send = sends_[id];
    if (--send.pending != 0) return;
    send.complete = true;
    sink(id, send.outcome, send.payload);
    if constexpr (!std::is_trivially_destructible_v<Payload>) send.payload = Payload{};
  }

  void forget_notified() {
    while (!kernel_.empty() && kernel_.front() == kNotified) kernel_.pop_front();
  }

  void forget_completed() {
    while (!sends_.empty() && sends_.front().complete) sends_.pop_front();
  }

  IdRing<Send> sends_;
  IdRing<uint64_t> kernel_;  // the send that took each kernel id, or what stands for it
  uint64_t kernel_outstanding_ = 0;
  uint64_t doubts_ = 0;  // kernel ids that may have been taken beyond the end of kernel_
};

}  // namespace zerosend
