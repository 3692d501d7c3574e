#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "memory.h"
#include "sockets/socket.h"

namespace stress {

// What a send holds until it completes: a slot, or plain memory.
struct Holder {
  Pool* pool = nullptr;
  uint32_t slot = 0;
  std::unique_ptr<uint8_t[]> plain;
  uint32_t length = 0;
};

// A socket as JavaScript sees it (lib/engine/socket.ts): the ids that were given out and what they
// hold. Checks that each id completes exactly once.
class Client {
 public:
  enum class State : uint8_t { kConnecting, kOpen, kClosing };
  enum class Kind : uint8_t { kTcp, kUdp, kPacket, kXdp };

  uint32_t handle = 0;
  uint32_t key = 0;
  Kind kind = Kind::kTcp;
  bool may_be_refused = false;  // nobody listens there
  uint32_t cell_size = 0;       // see content.h
  uint32_t max_length = 0;
  size_t max_queued = 0;
  zerosend::Address destination;   // of each send; length 0: connected
  std::unique_ptr<Pool> own_pool;  // of a ring: its frames
  uint64_t first_id = 0;
  uint64_t next_id = 0;

  State state = State::kConnecting;
  bool active = false;     // sent something since the reactor last looked
  bool scheduled = false;  // on the reactor's list
  bool need_drain = false;
  uint64_t last_queued = 0;   // the latest id after which sends were waiting for room
  bool expect_error = false;  // a call said that the socket has failed
  bool errored = false;
  bool aborted = false;

  bool tcp() const { return kind == Kind::kTcp; }
  bool udp() const { return kind == Kind::kUdp; }
  bool ring() const { return kind == Kind::kPacket || kind == Kind::kXdp; }
  uint64_t given() const { return next_id - first_id; }
  size_t outstanding() const { return holders_.size(); }
  uint64_t revoked() const { return by_kind_[3]; }
  uint64_t failed() const { return by_kind_[4]; }
  uint64_t passed() const { return passed_count_; }
  uint64_t stamps() const { return stamps_; }

  void sent(Holder&& holder) { holders_.emplace(next_id++, std::move(holder)); }
  // One record of the library.
  void take_in(const zerosend::Record& record);
  // The library's own books against these, when all is over.
  void check(const zerosend::Counters& counters) const;

 private:
  void complete(uint64_t id, uint32_t kind);
  void retire(uint64_t id);

  std::unordered_map<uint64_t, Holder> holders_;
  std::unordered_set<uint64_t> passed_;  // will fail, and left no hole in the ring
  uint64_t by_kind_[5] = {};
  uint64_t passed_count_ = 0;
  bool in_stamp_ = false;  // a timestamp comes as two records, others may come between
  uint64_t stamps_ = 0;
};

// Ids that the library has given out.
uint64_t sends_of(zerosend::Socket& socket);

}  // namespace stress
