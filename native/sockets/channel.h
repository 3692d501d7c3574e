#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/id_ring.h"
#include "core/mutex.h"
#include "core/shared_words.h"
#include "kernel/address.h"
#include "sockets/inet/kept_slabs.h"
#include "sockets/news.h"
#include "sockets/request.h"
#include "sockets/stream.h"

namespace zerosend {

// What JavaScript has published of one socket and nobody has handed over yet, in order, and what is
// told back. Sends enter it from the ring of the JavaScript thread, by whoever empties that; they
// leave it under the lock of the socket, so that they reach the kernel in the same order. Its own
// lock is held for moments.
class Channel {
 public:
  // `next_id` is of the socket. The cells outlive the socket's use of the channel.
  Channel(SharedCells& cells, Stream& stream, uint64_t next_id)
      : cells_(cells), stream_(stream), drain_told_(static_cast<uint32_t>(next_id)) {}

  // ---- whoever empties the ring ------------------------------------------------------------

  // A send that was published. `to` is null for the connected peer; `error` is not 0 where the
  // descriptor is none that could be sent.
  void push(const Source& source, const Address* to, uint16_t error);

  // ---- under the lock of the socket --------------------------------------------------------

  static constexpr size_t kBatch = 64;
  static constexpr size_t kReapEvery = 16;
  static constexpr size_t kReapAsleep = 128;

  // The first of what waits: neighbours that go to the connected peer, or one by itself.
  struct Batch {
    size_t count = 0;
    size_t bytes = 0;
    uint16_t error = 0;  // of one that cannot be sent
    bool addressed = false;
    Address to;
    Source sources[kBatch];
  };
  // Copies it; of several, no more than `most_bytes`.
  void front(size_t most_bytes, Batch* batch);
  // The first `count` have been handed over or refused.
  void pop(size_t count);
  // Needs no lock: what was pushed before is counted.
  size_t size() const { return size_.load(std::memory_order_acquire); }

  // Tells JavaScript how far the socket has come, and what its news are.
  void report(uint32_t handle, News& news, uint64_t* ranges, uint64_t next_id, size_t waiting);

  // After how many sends completions are to be read: as JavaScript does it inline; at once where a
  // pool has run dry; and where JavaScript sleeps, and is to be woken by them, half of what waits.
  size_t sends_to_reap() const {
    if (stream_.is_awaited()) return 1;
    return stream_.wakes() ? std::clamp(size() / 2, kReapEvery, kReapAsleep) : kReapEvery;
  }

  bool parked = false;      // the socket has no room; the poller thread will go on
  bool close_due = false;   // begin_close() waits for what was published before it
  uint32_t since_reap = 0;  // sends that were handed over since completions were read

 private:
  struct Pending {
    Source source;
    uint16_t error = 0;
    bool addressed = false;
  };

  SharedCells& cells_;
  Stream& stream_;
  uint32_t drain_told_;  // the latest id that `drain` was told for

  Mutex mutex_;
  IdRing<Pending> pending_ GUARDED_BY(mutex_){0, 64};
  IdRing<Address> addresses_ GUARDED_BY(mutex_){0, 16};  // of those that are addressed
  KeptSlabs slabs_ GUARDED_BY(mutex_);
  std::atomic<size_t> size_{0};
};

}  // namespace zerosend
