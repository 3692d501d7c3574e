#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/coalescer.h"
#include "core/counters.h"
#include "core/id_ring.h"
#include "core/ledger.h"
#include "os/address.h"
#include "os/slab.h"

namespace zerosend {

// Answers of a send other than an errno, which is 1..4095. Negated, like an errno.
enum class Refusal : int32_t {
  kClosed = 10001,     // closing, closed or failed
  kQueueFull = 10002,  // max_queued sends wait already
};

// The memory of one send: a slot of a slab, which the send keeps mapped, or plain memory that
// JavaScript keeps alive until the send has completed.
struct Source {
  std::shared_ptr<Slab> slab;  // null for plain memory
  uint32_t slot = 0;
  const uint8_t* data = nullptr;
  uint32_t length = 0;
  bool zerocopy = false;
  Address destination;  // length 0: the connected peer
};

// One piece of news for JavaScript. Kinds below kDrain are Outcomes, with a range of ids.
struct Record {
  enum Kind : uint32_t {
    kDrain = 8,      // the queue has emptied
    kConnected = 9,  // a TCP connection is up
    kError = 10,     // first: errno; last: 0 while connecting, 1 afterwards
    kRetired = 11,   // first: an id whose memory must never be written or freed again
  };
  uint32_t kind;
  uint64_t first;
  uint64_t last;
};

// A TCP or UDP socket with MSG_ZEROCOPY: sends, waits in order where the kernel has no room, reads
// completions. Two threads use it, JavaScript's and the poller's; each public method takes the
// lock. (The kernel gives two concurrent sends on one socket the same id when one fails, so sends
// must be serialised anyway.)
//
// Who reaps: while JavaScript sends, it polls inline and the socket is not armed (busy). When it
// goes idle with something outstanding it calls arm(), and the poller thread takes over. Events are
// level-triggered and one-shot, so arming with something to read fires at once: nothing is lost
// between the last inline poll and the arming.
class Socket {
 public:
  enum class Protocol : uint8_t { kTcp, kUdp };

  struct Setup {
    int fd;  // taken over
    Protocol protocol;
    bool connecting;
    bool zerocopy;  // SO_ZEROCOPY is on; without it the kernel ignores the flag and gives no ids
    size_t max_queued;  // sends that may wait for room
    int epoll_fd;
    uint64_t first_id = 0;         // other than 0 in tests of the wrap only
    uint64_t first_kernel_id = 0;  // likewise
  };
  explicit Socket(const Setup& setup);
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // ---- JavaScript thread ------------------------------------------------------------------------

  // Registers with epoll under `handle`. Returns 0 or an errno.
  int attach(uint32_t handle);

  // Sends or queues. Returns 0 when the send was accepted and has the next id; else a negated errno
  // or Refusal, and no id was taken. `*queued` becomes the number of sends that wait for room.
  int32_t send(Source&& source, uint32_t* queued);

  // As if send() were called for each in turn, with as few system calls as possible. Accepts all or
  // none. A message that the kernel refuses by itself after the first was accepted completes as
  // failed.
  int32_t send_many(Source* sources, size_t count, uint32_t* queued);

  // Sends what is queued and reads completions, now.
  void poll();

  // Moves up to `max` records to `out`; `*more` says whether some are left.
  size_t take(Record* out, size_t max, bool* more);

  // JavaScript goes idle: the poller thread takes over what is outstanding.
  void arm();

  // No more sends. What is queued still goes out; then a TCP connection is shut down for writing,
  // after which completions keep coming until the peer has acknowledged everything.
  void begin_close();

  // Gives up, without waiting: queued sends fail, a TCP connection is reset, and what does not
  // complete by that is revoked.
  void abort();

  // The environment ends and nobody will hear of completions any more. What the kernel holds still
  // goes out, from pages that the process no longer writes to; the descriptor is closed.
  void abandon();

  // Closes the descriptor. Every id has completed by then.
  void close();

  uint64_t next_id();
  int fd() const { return fd_; }
  Protocol protocol() const { return protocol_; }
  Counters counters();
  bool peer_closed();
  bool ids_uncertain();

  // ---- poller thread ----------------------------------------------------------------------------

  struct Wake {
    bool news = false;   // records wait for JavaScript
    bool rearm = false;  // arm again, after a pause
    bool soon = false;   // the pause should be short: sends are waiting for room
  };
  Wake on_ready(uint32_t events);
  void rearm();

 private:
  using Lock = std::lock_guard<std::mutex>;
  enum class Push : uint8_t { kDone, kNoRoom, kRefused };

  struct Queued {
    uint64_t id = 0;
    uint32_t offset = 0;
  };

  struct Attempt {
    ssize_t accepted = -1;  // bytes, or -1
    bool zerocopy = false;  // whether the kernel took an id for it
    int error = 0;
  };

  // All private methods run under the lock, on either thread.

  // socket_send.cc
  int refusal(size_t count) const;
  int32_t send_one(Source&& source);
  Push push(uint64_t id, uint32_t* offset, int* error);
  Attempt transmit(const Source& source, uint32_t offset);
  size_t transmit_batch(Source* sources, size_t count);
  void accept_piece(uint64_t id, bool zerocopy);
  void enqueue(uint64_t id, uint32_t offset);
  void flush();
  bool is_soft(int error) const;
  bool is_fatal(int error) const;

  // socket_reap.cc
  size_t drain();
  size_t drain_all();
  size_t reap_refusal(int error);
  bool reports_drops() const;
  void check_error(bool connecting);
  void discard_input();
  void complete(uint64_t id, Outcome outcome, const Source& source);
  void finish_connecting();

  // socket.cc
  void close_locked();
  void fail(int error, bool connecting);
  void fail_queued();
  void shut_down_if_flushed();
  uint32_t interest() const;
  bool wants_arming() const;
  void arm_locked();

  auto completer() {
    return [this](uint64_t id, Outcome outcome, const Source& source) {
      complete(id, outcome, source);
    };
  }

  std::mutex mutex_;
  int fd_;
  const int epoll_fd_;
  const Protocol protocol_;
  const size_t max_queued_;
  uint32_t handle_ = 0;

  bool zerocopy_granted_;  // SO_ZEROCOPY is on, and the count of kernel ids is certain
  bool ids_uncertain_ = false;
  bool phantom_seen_ = false;

  bool connecting_;
  bool closing_ = false;      // begin_close() was called
  bool shut_down_ = false;    // SHUT_WR was sent
  bool failed_ = false;       // a fatal error was reported
  bool peer_closed_ = false;  // the peer's FIN was read
  bool hung_up_ = false;      // EPOLLHUP was seen: it stays, and would fire at each arming
  bool busy_ = false;         // JavaScript sends, and has promised to call arm()
  bool armed_ = false;
  uint32_t armed_interest_ = 0;

  Ledger<Source> ledger_;
  IdRing<Queued> queue_{0, 16};
  Coalescer completed_;
  std::vector<Record> retired_;  // delivered before the completions of the same ids; rare
  std::vector<Record> notices_;  // delivered after the completions that they follow; rare
  bool drain_due_ = false;       // the queue has been in use since the last drain record
  uint32_t polls_ = 0;
  Counters counters_;
};

}  // namespace zerosend
