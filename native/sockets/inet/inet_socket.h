#pragma once

#include <sys/socket.h>

#include <chrono>
#include <memory>
#include <vector>

#include "core/id_ring.h"
#include "core/ledger.h"
#include "core/notification.h"
#include "kernel/page_replacement.h"
#include "kernel/send_errors.h"
#include "sockets/socket.h"

namespace zerosend {

// A TCP or UDP socket with MSG_ZEROCOPY: sendto hands the data over, the error queue tells when
// the memory is free, and what the kernel has no room for waits in order.
class InetSocket final : public Socket {
 public:
  enum class Protocol : uint8_t { kTcp, kUdp };

  struct Setup {
    int fd;  // taken over; non-blocking
    Protocol protocol;
    bool connecting;
    bool zerocopy;  // SO_ZEROCOPY is on; without it the kernel ignores the flag and gives no ids
    size_t max_queued;  // sends that may wait for room
    int epoll_fd;
    Timestamps timestamps = Timestamps::kNone;
    uint64_t first_id = 0;         // other than 0 in tests of the wrap only
    uint64_t first_kernel_id = 0;  // likewise
  };
  explicit InetSocket(const Setup& setup);
  ~InetSocket() override;

 private:
  enum class Push : uint8_t { kDone, kNoRoom, kSpent, kRefused };

  struct Queued {
    uint64_t id = 0;
    uint32_t offset = 0;
    Address destination;  // length 0: the connected peer
  };

  // A slab that is kept mapped, and the id before which all sends from it are; kInUse while more
  // may come.
  struct Kept {
    std::shared_ptr<Slab> slab;
    uint64_t until;
  };
  static constexpr uint64_t kInUse = UINT64_MAX;

  // What sendmmsg is told. Only the parts, and the kernel's answers, change from call to call.
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
    std::vector<StampKey> keys;  // empty unless timestamps were asked for
  };

  struct Attempt {
    ssize_t accepted = -1;  // bytes, or -1
    bool zerocopy = false;  // whether the kernel took an id for it
    int error = 0;
  };

  // inet_send.cc
  int32_t do_send(const Source& source, const Address* destination) override;
  int32_t do_send_many(const Source* sources, size_t count) override;
  int32_t do_send_run(const Run& run) override;
  size_t queued() const override { return queue_.size(); }
  uint64_t next_id() const override { return ledger_.next_send(); }
  void fail_queued() override;
  int32_t send_one(const Source& source, const Address* destination);
  void send_rest(uint64_t id, const Address* destination, uint32_t offset);
  Push push(uint64_t id, const Address* destination, uint32_t* offset, Budget* budget, int* error);
  // inet_segments.cc
  struct Splitting;
  struct SplittingDeleter {
    void operator()(Splitting* state) const;
  };
  // Whether a send goes out as a whole, to be cut into segments by the kernel or the device.
  enum class Whole : uint8_t { kUsual, kTry, kNo };
  Whole whole_to(const Address* destination);
  bool start_splitting(const Address* destination);
  void stop_splitting();
  bool is_splitting() const;
  ssize_t send_segments(const uint8_t* data, uint32_t length, const Address* destination);

  Source beginning_of(const Source& source, uint64_t most) const;
  Attempt transmit(const Source& source, const Address* destination, uint32_t offset);
  size_t transmit_batch(const Source* sources, size_t count);
  void accept_message(const Source& source, bool zerocopy, uint32_t bytes);
  void accept_whole(const Source& source, bool zerocopy);
  void accept_piece(uint64_t id, bool zerocopy, uint32_t bytes, bool last);
  void enqueue(uint64_t id, const Address* destination, uint32_t offset);
  bool flush();
  ssize_t hand_over(const uint8_t* data, size_t length, int flags, const sockaddr* to,
                    socklen_t to_length);
  void begin_stamping();
  void stamp_batch(size_t count);

  // inet_refusal.cc
  // How often a datagram is tried again that ICMP errors about earlier ones have kept from being
  // tried. Each takes away one, so only a flood that is faster than as many system calls gets
  // through.
  static constexpr int kTriesOfEarlier = 64;
  // asked_in_vain_ after five questions in vain: not news of a moment any more, but of a state.
  static constexpr uint32_t kLasting = 31;
  // How often one is tried again for which there is no memory though the kernel holds nothing.
  static constexpr int kTriesOfEmptied = 16;
  Response response(int error) const;
  bool may_be_earlier(int error) const;
  size_t settle_refusal(int error, bool zerocopy);
  int ask_for_count(const sockaddr* to, socklen_t to_length);
  int back_off(int error);
  bool holds_nothing() const;
  bool reports_drops() const;
  bool hears_of_earlier() const;

  // inet_reap.cc
  void do_ready(uint32_t events) override;
  bool expects_messages() const { return ledger_.kernel_outstanding() > 0 || stamps_ != nullptr; }
  struct Drained {
    size_t freed = 0;   // kernel ids
    bool more = false;  // the queue may hold more than was to be read
  };
  Drained drain(size_t most, bool foreign = false);
  size_t drain_all();
  void read_notification(const Notification& notification, size_t* freed);
  void note_end_of_queue(int error);
  void end_if_unreadable();
  void check_error(bool connecting);
  void discard_input();
  void finish_connecting();

  // inet_socket.cc
  void do_poll() override;
  uint32_t interest() const override;
  bool wants_arming() const override;
  void finish_output() override;
  void cut_off() override;
  void revoke() override;
  void leave_behind(std::chrono::steady_clock::time_point deadline) override;
  void rest() override;
  std::vector<Span> plain_memory();
  int part_plain_memory();
  void keep_new(Slab* slab, size_t sends);
  void let_go();
  void before_close() override;
  State do_state() const override {
    State state;
    state.peer_closed = peer_closed_;
    state.ids_uncertain = asked_in_vain_ >= kLasting && !ledger_.certain();
    state.timestamp_error = timestamp_error_;
    state.splits_sends = is_splitting();
    state.acknowledged = acknowledged();
    return state;
  }
  uint64_t do_progress() const override {
    const int64_t bytes = acknowledged();
    return bytes > 0 ? static_cast<uint64_t>(bytes) : 0;
  }
  int64_t acknowledged() const;
  void do_conclude() override;

  // Keeps the slab mapped until nothing of it is in flight. Here and not in each send: two atomic
  // operations for each would be a tenth of what a send costs in user space. `sends`: for how many
  // it is asked together, before the first of them has its id. False for memory that only the
  // socket which shares it with the kernel may send from.
  bool keep(Slab* slab, size_t sends) {
    if (slab == nullptr) return true;
    if (slab->shared_with_kernel()) return false;
    if (slab != last_slab_) keep_new(slab, sends);
    return true;
  }

  // Ends each send of the ledger.
  auto completer() {
    return [this](uint64_t id, Outcome outcome, const Source&) {
      complete(id, outcome, outcome == Outcome::kFailed ? ledger_.error_of(id) : 0);
    };
  }

  // The rest of a send, from `offset` on, will not be sent.
  void give_up(uint64_t id, uint32_t offset, int error) {
    count_unsent(ledger_.payload(id).length - offset);
    ledger_.fail(id, completer(), static_cast<uint16_t>(error));
  }

  const Protocol protocol_;
  Ledger<Source> ledger_;
  const bool zerocopy_granted_;    // SO_ZEROCOPY is on
  uint64_t unread_questions_ = 0;  // questions for the count that may have taken ids not read yet
  uint64_t unread_answers_ = 0;    // those of them that were answered, which are no phantoms
  uint32_t asked_in_vain_ = 0;     // other than 0: that many sends go by copy before the next one
  uint32_t unasked_ = 0;           // so many of them have
  bool stopped_early_ = false;  // the last sendmmsg may have met an error about an earlier datagram
  uint32_t unreadable_ = 0;     // readings of the error queue in a row that failed
  int unreadable_error_ = 0;    // it has gone on for too long
  std::chrono::steady_clock::time_point unreadable_since_;
  bool shut_down_ = false;     // SHUT_WR was sent
  bool cut_off_ = false;       // the connection was dissolved
  int64_t acknowledged_ = -1;  // what acknowledged() said before the connection was cut off
  bool peer_closed_ = false;   // the peer's FIN was read
  bool hung_up_ = false;       // EPOLLHUP was seen: it stays, and would fire at each arming
  int plain_parted_ = -1;      // result of parting all plain memory from the kernel; -1: not tried
  int timestamp_error_ = 0;
  uint32_t polls_ = 0;
  std::chrono::nanoseconds retry_delay_{0};  // other than 0: flush() waits for retry_at_
  std::chrono::steady_clock::time_point retry_at_;
  std::chrono::steady_clock::time_point retry_since_;
  std::vector<Kept> slabs_;    // of what is outstanding, and maybe of more
  Slab* last_slab_ = nullptr;  // one of them: the next send is likely to be from it
  IdRing<Queued> queue_{0, 16};
  std::vector<Source> run_;                                 // scratch of do_send_run()
  std::unique_ptr<Batch> batch_;                            // made by the first sendmmsg
  std::unique_ptr<Splitting, SplittingDeleter> splitting_;  // made by the first refusal of segments
};

}  // namespace zerosend
