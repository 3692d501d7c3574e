#include "publisher.h"

#include <chrono>

#include "check.h"

namespace stress {

using zerosend::Publishes;
using zerosend::SharedRings;

Publisher::Publisher(uint32_t position)
    : shared_(std::make_unique<SharedRings>()), tail_(position), head_(position) {
  shared_->tail.word = position;
  shared_->head.word = position;
  shared_->idle.word = 1;
}

void Publisher::notify() {
  std::lock_guard<std::mutex> lock(mutex_);
  call_ = true;
  called_.notify_one();
}

void Publisher::reserve(zerosend::Submitter& submitter, uint32_t lines) {
  if (tail_ - head_ + lines <= SharedRings::kLines) return;
  head_ = shared_->head.word.load(std::memory_order_acquire);
  if (tail_ - head_ + lines <= SharedRings::kLines) return;
  submitter.take_in();
  head_ = shared_->head.word.load(std::memory_order_acquire);
  MUST(tail_ == head_, "lines are left in the ring after all were taken in");
}

void Publisher::publish(zerosend::Submitter& submitter, uint32_t lines) {
  tail_ += lines;
  zerosend::publish(shared_->tail.word, tail_, Publishes::kLines);
  if (shared_->asleep.word.load(std::memory_order_seq_cst) != 0) submitter.wake();
}

uint32_t Publisher::streamed() const {
  return shared_->record_tail.word.load(std::memory_order_seq_cst) - record_head_;
}

bool Publisher::look(const std::function<void(const double*)>& take,
                     const std::function<void()>& pump) {
  bool some = false;
  for (;;) {
    const uint32_t count = streamed();
    if (count == 0) return some;
    some = true;
    for (uint32_t i = 0; i < count; ++i) {
      take(shared_->records +
           SharedRings::kNumbersOfRecord * ((record_head_ + i) & (SharedRings::kRecords - 1)));
    }
    record_head_ += count;
    zerosend::publish(shared_->record_head.word, record_head_, Publishes::kRoomForRecords);
    if (shared_->backlog.word.load(std::memory_order_seq_cst) == 0) return some;
    pump();
  }
}

void Publisher::wait() {
  shared_->idle.word.store(1, std::memory_order_seq_cst);
  if (streamed() == 0) {
    std::unique_lock<std::mutex> lock(mutex_);
    MUST(called_.wait_for(lock, std::chrono::seconds(40), [this] { return call_; }),
         "no call comes: %u records, idle %u, asleep %u", streamed(), shared_->idle.word.load(),
         shared_->asleep.word.load());
    call_ = false;
  }
  shared_->idle.word.store(0, std::memory_order_seq_cst);
}

}  // namespace stress
