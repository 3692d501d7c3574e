#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "core/ledger.h"
#include "core/range.h"

namespace fuzz {

// What the Ledger and the Coalescer promise, in maps and with 128-bit numbers, where nothing wraps.
class LedgerReference {
 public:
  LedgerReference(uint64_t first_send, uint64_t first_kernel)
      : next_send_(first_send), next_kernel_(first_kernel) {}

  struct Send {
    bool open = true;
    std::set<uint64_t> pieces;  // kernel ids outstanding
    zerosend::Outcome worst = zerosend::Outcome::kZeroCopy;
  };

  uint64_t next_send() const { return next_send_; }
  uint64_t next_kernel() const { return next_kernel_; }
  const std::map<uint64_t, Send>& sends() const { return sends_; }  // the ones not complete
  const std::map<uint64_t, uint64_t>& outstanding() const { return outstanding_; }
  std::vector<uint64_t> open_sends() const;

  uint64_t open();
  void piece(uint64_t id);
  void inline_piece(uint64_t id) { degrade(id, zerosend::Outcome::kInline); }
  void close(uint64_t id);
  void fail(uint64_t id);
  void doubt() { ++doubts_; }
  void dispel(uint64_t count) { doubts_ -= std::min(count, doubts_); }
  uint64_t doubts() const { return doubts_; }
  zerosend::NotificationEffect settle(uint32_t first, uint32_t last, zerosend::Outcome outcome);
  void revoke();

  // Ids that have completed and were not taken; what the next call of take() must give.
  bool has_completed() const { return !completed_.empty(); }
  std::vector<zerosend::Range> take(size_t max);
  // Whether this id has just completed in this way; it is then expected no more.
  bool confirm(uint64_t id, zerosend::Outcome outcome);
  bool all_confirmed() const { return unconfirmed_.empty(); }

 private:
  void degrade(uint64_t id, zerosend::Outcome outcome);
  void complete_if_done(uint64_t id);

  uint64_t next_send_;
  uint64_t next_kernel_;
  uint64_t doubts_ = 0;
  std::set<uint64_t> phantoms_;  // kernel ids of refused sends that were not notified
  std::set<uint64_t> revoked_;   // kernel ids outstanding at revoke() that were not notified
  std::map<uint64_t, Send> sends_;
  std::map<uint64_t, uint64_t> outstanding_;  // kernel id to send
  std::map<uint64_t, zerosend::Outcome> completed_;
  std::map<uint64_t, zerosend::Outcome> unconfirmed_;
};

}  // namespace fuzz
