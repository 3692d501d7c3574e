#include "sockets/stream.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace zerosend {

void Stream::push(uint32_t handle, News& news, uint64_t* ranges) {
  if (news.empty()) return;
  MutexLock lock(mutex_);
  if (stopped_) return;
  Record records[64];
  while (!news.empty()) {
    const uint32_t head = shared_.record_head.word.load(std::memory_order_acquire);
    const size_t room = SharedRings::kRecords - (tail_ - head);
    if (room == 0) {
      if (std::find(backlog_.begin(), backlog_.end(), handle) == backlog_.end()) {
        backlog_.push_back(handle);
      }
      // JavaScript stores the head, and then loads `backlog`.
      shared_.backlog.word.store(1, std::memory_order_seq_cst);
      if (shared_.record_head.word.load(std::memory_order_seq_cst) == head) break;
      continue;
    }
    const size_t count = news.take(records, std::min(room, std::size(records)), ranges);
    for (size_t i = 0; i < count; ++i) {
      double* out = shared_.records +
                    SharedRings::kNumbersOfRecord * ((tail_ + i) & (SharedRings::kRecords - 1));
      out[0] = handle;
      out[1] = records[i].kind;
      out[2] = static_cast<double>(records[i].first);
      out[3] = static_cast<double>(records[i].last);
    }
    tail_ += static_cast<uint32_t>(count);
    publish(shared_.record_tail.word, tail_, Publishes::kRecords);
  }
  // JavaScript stores `idle`, and then loads the tail.
  if (shared_.idle.word.load(std::memory_order_seq_cst) != 0 &&
      shared_.idle.word.exchange(0, std::memory_order_seq_cst) != 0) {
    notify_();
  }
}

std::vector<uint32_t> Stream::take_backlog() {
  MutexLock lock(mutex_);
  shared_.backlog.word.store(0, std::memory_order_seq_cst);
  return std::exchange(backlog_, {});
}

void Stream::stop() {
  MutexLock lock(mutex_);
  stopped_ = true;
}

}  // namespace zerosend
