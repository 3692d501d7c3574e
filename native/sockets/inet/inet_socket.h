#pragma once

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <vector>

#include "core/id_ring.h"
#include "core/ledger.h"
#include "kernel/error_queue.h"
#include "kernel/page_replacement.h"
#include "kernel/send_errors.h"
#include "kernel/syscalls.h"
#include "sockets/budget.h"
#include "sockets/inet/kept_extents.h"
#include "sockets/inet/kept_slabs.h"
#include "sockets/lasting_error.h"
#include "sockets/socket.h"

namespace zerosend {

// What TCP and UDP sockets with MSG_ZEROCOPY have in common: the error queue tells when memory is
// free, the ledger ties that to ids, and what the kernel has no room for waits in order. How a
// message is handed over and what a refusal means is a matter of TcpSocket and UdpSocket.
class InetSocket : public Socket {
 public:
  struct Setup {
    int fd;         // taken over; non-blocking
    bool zerocopy;  // SO_ZEROCOPY is on; without it the kernel ignores the flag and gives no ids
    size_t max_queued;  // sends that may wait for room
    int epoll_fd;
    Timestamps timestamps = Timestamps::kNone;
    uint64_t first_id = 0;         // other than 0 in tests of the wrap only
    uint64_t first_kernel_id = 0;  // likewise
  };

 protected:
  explicit InetSocket(const Setup& setup);

  struct Attempt {
    ssize_t accepted = -1;  // bytes, or -1
    bool zerocopy = false;  // whether the kernel took an id for it
    int error = 0;          // EAGAIN: it should wait in the queue
  };

  // The arguments of sendmmsg. Only the memory, and the kernel's answers, change from call to call.
  struct Batch {
    static constexpr size_t kSize = 64;
    Batch() {
      for (size_t i = 0; i < kSize; ++i) {
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
      }
    }
    mmsghdr messages[kSize]{};
    iovec parts[kSize]{};
    bool addressed = false;      // the messages have destinations
    std::vector<StampKey> keys;  // empty unless timestamps were asked for
  };

  // The result of a reading of the error queue.
  struct Drained {
    size_t freed = 0;       // kernel ids
    uint64_t phantoms = 0;  // kernel ids that refused sends had taken
    bool notified = false;  // of any completion
    bool more = false;      // the queue may hold more than was to be read
    int end = 0;            // EAGAIN: the queue is empty; 0: nothing more is waited for
  };

  // ---- what a subclass does ---------------------------------------------------------------------

  // Hands one message from `offset` on to the kernel, of a stream at most so many bytes, and does
  // what each refusal calls for. `destination` is null or empty for the connected peer.
  virtual Attempt transmit(const Source& source, const Address* destination, uint32_t offset,
                           size_t most) REQUIRES(mutex_) = 0;
  // Sends as many messages as agree on zero copy with one system call, and books what was accepted.
  // Returns how many sources are dealt with; 0 leaves the first one to transmit(), which knows what
  // to do about each error.
  virtual size_t transmit_batch(const Source* sources, size_t count, const Destinations& to)
      REQUIRES(mutex_) = 0;
  // What the errno of a refused send calls for.
  virtual Response response(int error) const = 0;
  // A send was refused that already has an id. A stream has a hole there: what was accepted before
  // it is sent, and it is not.
  virtual void note_hole(int) REQUIRES(mutex_) {}
  // SO_ERROR was found.
  virtual void note_error(int error) REQUIRES(mutex_) = 0;
  // The error queue was read. There were so many doubts() before.
  virtual void note_reading(const Drained&, uint64_t) REQUIRES(mutex_) {}
  // Whether what is queued may be tried now.
  virtual bool may_flush() REQUIRES(mutex_) { return true; }
  // Something of the queue has gone out, or was refused.
  virtual void note_flushed() REQUIRES(mutex_) {}

  // ---- for the subclass -------------------------------------------------------------------------

  bool is_outstanding() const REQUIRES(mutex_) {
    return ledger_.kernel_outstanding() > 0 || !queue_.empty();
  }
  bool may_zerocopy(const Source& source) const REQUIRES(mutex_) {
    return source.zerocopy && zerocopy_granted_;
  }

  // inet_transmit.cc
  static int send_flags(bool zerocopy) {
    return MSG_DONTWAIT | MSG_NOSIGNAL | (zerocopy ? MSG_ZEROCOPY : 0);
  }
  // Hands one message, or the rest of one, to the kernel. By sendto, not sendmsg: with one piece of
  // memory and no control message there is nothing that the kernel would have to fetch first, which
  // makes 7 % of a send. Inline, since the returns of the kernel's own functions have pushed ours
  // out of the return predictor: each frame between JavaScript and the system call costs some 10
  // ns.
  ssize_t hand_over(const Source& source, uint32_t offset, size_t length, int flags,
                    const sockaddr* to, socklen_t to_length) REQUIRES(mutex_) {
    if (stamps_ || source.extent_count > 0) {
      return hand_over_message(source, offset, length, flags, to, to_length);
    }
    return sys.sendto(fd_, source.data + offset, length, flags, to, to_length);
  }
  // Describes `length` bytes of a send from `offset` on. Returns how many vectors that takes, which
  // is one more for each border between extents within.
  static size_t slice(const Source& source, uint32_t offset, size_t length, iovec* vectors);
  // Fills the batch with the first sources that agree on zero copy, and calls `each` with them.
  // Returns their number.
  template <class Each>
  size_t gather(const Source* sources, size_t count, Each each) REQUIRES(mutex_) {
    if (!batch_) batch_ = std::make_unique<Batch>();
    const bool zerocopy = may_zerocopy(sources[0]);
    size_t gathered = 0;
    for (; gathered < std::min(count, Batch::kSize); ++gathered) {
      const Source& source = sources[gathered];
      if (may_zerocopy(source) != zerocopy) break;
      batch_->parts[gathered] = {const_cast<uint8_t*>(source.data), source.length};
      each(source);
    }
    return gathered;
  }
  // Sends what was gathered. Returns how many messages were accepted. Where not all were, `*error`
  // is the errno of the first, or 0: behind the first message it is not reported.
  size_t hand_over_batch(size_t gathered, bool zerocopy, int* error) REQUIRES(mutex_) {
    if (stamps_) stamp_batch(gathered);
    const int answer =
        sys.sendmmsg(fd_, batch_->messages, static_cast<unsigned>(gathered), send_flags(zerocopy));
    *error = answer > 0 ? 0 : errno;
    return answer > 0 ? static_cast<size_t>(answer) : 0;
  }
  void begin_stamping() REQUIRES(mutex_);
  void note_refusal(int error) REQUIRES(mutex_);
  // A send is copied instead. Nothing is left to reap, so waiting for a completion could be for
  // ever: nothing may be in flight, where the limit on locked memory is used up by other processes
  // of the user.
  void note_fallback() REQUIRES(mutex_) { ++counters_[Counter::inlineFallbacks]; }
  bool holds_nothing() const REQUIRES(mutex_);

  // inet_send.cc
  void accept_message(const Source& source, bool zerocopy, uint32_t bytes) REQUIRES(mutex_);

  // inet_reap.cc
  Drained drain(size_t most, bool foreign = false) REQUIRES(mutex_);
  size_t drain_all() REQUIRES(mutex_);
  bool is_unreadable() const REQUIRES(mutex_) { return unreadable_.is_failing(); }
  int take_error() REQUIRES(mutex_);

  // Ends each send of the ledger.
  auto completer() REQUIRES(mutex_) {
    return [this](uint64_t id, Outcome outcome, const Source&) {
      assert_locked();
      complete(id, outcome, outcome == Outcome::kFailed ? ledger_.error_of(id) : 0);
    };
  }

  // What subclasses add something to.
  void do_poll() override REQUIRES(mutex_);
  void do_ready(uint32_t events) override REQUIRES(mutex_);
  uint32_t interest() const override REQUIRES(mutex_);
  void cut_off() override REQUIRES(mutex_);
  void revoke() override REQUIRES(mutex_);
  void rest() override REQUIRES(mutex_);
  size_t queued() const override REQUIRES(mutex_) { return queue_.size(); }
  State do_state() const override REQUIRES(mutex_);

  bool zerocopy_granted_ GUARDED_BY(mutex_);  // SO_ZEROCOPY is on, and its ids can be relied on
  Ledger<Source> ledger_ GUARDED_BY(mutex_);
  std::unique_ptr<Batch> batch_ GUARDED_BY(mutex_);  // made by the first sendmmsg
  int timestamp_error_ GUARDED_BY(mutex_) = 0;

 private:
  enum class Push : uint8_t { kDone, kNoRoom, kSpent, kRefused };

  struct Queued {
    uint64_t id = 0;
    uint32_t offset = 0;
    Address destination;  // length 0: the connected peer
  };

  // inet_send.cc
  int32_t do_send(const Source& source, const Address* destination, bool* done) override
      REQUIRES(mutex_);
  bool takes_aim() const override { return true; }
  bool may_look_back() const override REQUIRES(mutex_) { return queue_.empty(); }
  int32_t do_send_many(const Source* sources, size_t count, const Destinations& to) override
      REQUIRES(mutex_);
  int32_t do_send_run(const Run& run, const Destinations& to) override REQUIRES(mutex_);
  int32_t do_send_extents(Source source, const Extent* extents, size_t count,
                          const Address* destination) override REQUIRES(mutex_);
  uint64_t next_id() const override REQUIRES(mutex_) { return ledger_.next_send(); }
  int32_t send_one(const Source& source, const Address* destination, bool* done = nullptr)
      REQUIRES(mutex_);
  void refuse(const Source& source, int error) override REQUIRES(mutex_);
  void accept_whole(const Source& source, bool zerocopy, bool* done = nullptr) REQUIRES(mutex_);
  void accept_piece(uint64_t id, bool zerocopy, uint32_t bytes, bool last) REQUIRES(mutex_);

  // inet_queue.cc
  void fail_queued() override REQUIRES(mutex_);
  void send_rest(uint64_t id, const Address* destination, uint32_t offset) REQUIRES(mutex_);
  Push push(uint64_t id, const Address* destination, uint32_t* offset, Budget* budget, int* error)
      REQUIRES(mutex_);
  void enqueue(uint64_t id, const Address* destination, uint32_t offset) REQUIRES(mutex_);
  bool flush() REQUIRES(mutex_);
  void give_up(uint64_t id, uint32_t offset, int error) REQUIRES(mutex_);

  // inet_transmit.cc
  ssize_t hand_over_message(const Source& source, uint32_t offset, size_t length, int flags,
                            const sockaddr* to, socklen_t to_length) REQUIRES(mutex_);
  void stamp_batch(size_t count) REQUIRES(mutex_);

  // inet_reap.cc
  bool expects_messages() const REQUIRES(mutex_) {
    return ledger_.kernel_outstanding() > 0 || stamps_ != nullptr;
  }
  void read_notification(const Notification& notification, Drained* drained) REQUIRES(mutex_);
  void note_end_of_queue(int error) REQUIRES(mutex_);
  void end_if_unreadable() REQUIRES(mutex_);

  // inet_socket.cc
  void leave_behind(std::chrono::steady_clock::time_point deadline) override REQUIRES(mutex_);
  std::vector<Span> plain_memory() REQUIRES(mutex_);
  int part_plain_memory() REQUIRES(mutex_);

  LastingError unreadable_ GUARDED_BY(mutex_);   // of readings of the error queue
  int unreadable_error_ GUARDED_BY(mutex_) = 0;  // it has gone on for too long
  // Result of parting all plain memory from the kernel; -1: not tried.
  int plain_parted_ GUARDED_BY(mutex_) = -1;
  KeptSlabs slabs_ GUARDED_BY(mutex_);
  KeptExtents extents_ GUARDED_BY(mutex_);
  IdRing<Queued> queue_ GUARDED_BY(mutex_){0, 2};
  std::vector<Source> run_ GUARDED_BY(mutex_);  // scratch of do_send_run()
};

}  // namespace zerosend
