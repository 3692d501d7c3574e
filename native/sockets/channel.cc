#include "sockets/channel.h"

#include <algorithm>

namespace zerosend {

void Channel::push(const Source& source, const Address* to, uint16_t error) {
  MutexLock lock(mutex_);
  if (source.slab != nullptr) slabs_.hold(source.slab, 1, pending_.end());
  Pending& entry = pending_.extend();
  entry.source = source;
  entry.error = error;
  entry.addressed = to != nullptr;
  if (to != nullptr) addresses_.push(*to);
  size_.store(pending_.size(), std::memory_order_release);
}

void Channel::front(size_t most_bytes, Batch* batch) {
  batch->count = 0;
  batch->bytes = 0;
  batch->error = 0;
  batch->addressed = false;
  MutexLock lock(mutex_);
  for (uint64_t i = pending_.begin(); i != pending_.end() && batch->count < kBatch; ++i) {
    const Pending& entry = pending_[i];
    if (batch->count > 0) {
      if (entry.addressed || entry.error != 0) return;
      if (batch->bytes + entry.source.length > most_bytes) return;
    }
    batch->sources[batch->count++] = entry.source;
    batch->bytes += entry.source.length;
    if (!entry.addressed && entry.error == 0) continue;
    batch->error = entry.error;
    batch->addressed = entry.addressed;
    if (entry.addressed) batch->to = addresses_.front();
    return;
  }
}

void Channel::pop(size_t count) {
  MutexLock lock(mutex_);
  for (; count > 0; --count) {
    if (pending_.front().addressed) addresses_.pop_front();
    pending_.pop_front();
  }
  size_.store(pending_.size(), std::memory_order_release);
  if (pending_.empty()) {
    slabs_.rest(pending_.end(), pending_.begin());
  } else if (slabs_.several()) {
    slabs_.let_go(pending_.begin());
  }
}

void Channel::report(uint32_t handle, News& news, uint64_t* ranges, uint64_t next_id,
                     size_t waiting) {
  // JavaScript stores `drain_at`, and then loads these.
  cells_.accepted.store(static_cast<uint32_t>(next_id - waiting), std::memory_order_seq_cst);
  const size_t behind = parked ? size() : 0;
  cells_.waiting.store(static_cast<uint32_t>(waiting + behind), std::memory_order_seq_cst);
  if (waiting == 0) {
    const uint32_t due = cells_.drain_at.load(std::memory_order_seq_cst);
    const auto ahead = static_cast<int32_t>(static_cast<uint32_t>(next_id) - due);
    if (due != drain_told_ && ahead >= 0) {
      drain_told_ = due;
      news.tell(Record::kDrain, next_id);
    }
  }
  stream_.push(handle, news, ranges);
}

}  // namespace zerosend
