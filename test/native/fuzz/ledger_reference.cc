#include "ledger_reference.h"

#include <algorithm>

namespace fuzz {

using zerosend::NotificationEffect;
using zerosend::Outcome;
using zerosend::Range;

std::vector<uint64_t> LedgerReference::open_sends() const {
  std::vector<uint64_t> ids;
  for (const auto& [id, send] : sends_) {
    if (send.open) ids.push_back(id);
  }
  return ids;
}

uint64_t LedgerReference::open() {
  sends_[next_send_] = {};
  return next_send_++;
}

void LedgerReference::piece(uint64_t id) {
  sends_[id].pieces.insert(next_kernel_);
  outstanding_[next_kernel_++] = id;
}

void LedgerReference::degrade(uint64_t id, Outcome outcome) {
  Send& send = sends_[id];
  send.worst = std::max(send.worst, outcome);
}

void LedgerReference::close(uint64_t id) {
  sends_[id].open = false;
  complete_if_done(id);
}

void LedgerReference::fail(uint64_t id) {
  degrade(id, Outcome::kFailed);
  close(id);
}

void LedgerReference::complete_if_done(uint64_t id) {
  const Send& send = sends_[id];
  if (send.open || !send.pieces.empty()) return;
  completed_[id] = send.worst;
  unconfirmed_[id] = send.worst;
  sends_.erase(id);
}

NotificationEffect LedgerReference::settle(uint32_t first, uint32_t last, Outcome outcome) {
  using Wide = __int128;
  constexpr Wide kIds = Wide{1} << 32;
  NotificationEffect effect;
  const Wide count = (Wide{last} - first + kIds) % kIds + 1;
  // The latest id with these low bits that may have been given out, or the next one.
  const Wide limit = Wide{next_kernel_} + doubts_;
  const Wide back = ((limit - first) % kIds + kIds) % kIds;
  const Wide begin = limit - back;
  const Wide end = begin + count;
  if (count > kIds / 2 || begin < 0 || end > limit) {
    effect.unknown = static_cast<uint64_t>(count);
    return effect;
  }
  while (Wide{next_kernel_} < end) {
    phantoms_.insert(next_kernel_++);
    --doubts_;
  }
  for (auto phantom = phantoms_.lower_bound(static_cast<uint64_t>(begin));
       phantom != phantoms_.end() && *phantom < end; phantom = phantoms_.erase(phantom)) {
    ++effect.phantoms;
  }
  auto at = outstanding_.lower_bound(static_cast<uint64_t>(begin));
  while (at != outstanding_.end() && at->first < end) {
    const uint64_t id = at->second;
    sends_[id].pieces.erase(at->first);
    at = outstanding_.erase(at);
    ++effect.completed;
    degrade(id, outcome);
    complete_if_done(id);
  }
  for (auto late = revoked_.lower_bound(static_cast<uint64_t>(begin));
       late != revoked_.end() && *late < end; late = revoked_.erase(late)) {
    ++effect.revoked;
  }
  effect.duplicates =
      static_cast<uint64_t>(count) - effect.completed - effect.phantoms - effect.revoked;
  return effect;
}

void LedgerReference::revoke() {
  for (const auto& [kernel_id, send] : outstanding_) revoked_.insert(kernel_id);
  outstanding_.clear();
  while (!sends_.empty()) {
    const uint64_t id = sends_.begin()->first;
    sends_[id].pieces.clear();
    degrade(id, Outcome::kRevoked);
    complete_if_done(id);
  }
}

std::vector<Range> LedgerReference::take(size_t max) {
  std::vector<Range> ranges;
  auto at = completed_.begin();
  for (; at != completed_.end(); ++at) {
    if (!ranges.empty() && ranges.back().last + 1 == at->first &&
        ranges.back().outcome == at->second) {
      ranges.back().last = at->first;
    } else if (ranges.size() == max) {
      break;
    } else {
      ranges.push_back({at->first, at->first, at->second});
    }
  }
  completed_.erase(completed_.begin(), at);
  return ranges;
}

bool LedgerReference::confirm(uint64_t id, Outcome outcome) {
  const auto found = unconfirmed_.find(id);
  if (found == unconfirmed_.end() || found->second != outcome) return false;
  unconfirmed_.erase(found);
  return true;
}

}  // namespace fuzz
