#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "core/shared_words.h"
#include "kernel/address.h"
#include "threads/submitter.h"

namespace stress {

// JavaScript's half of what is shared with the submission thread, as lib/addon/submission.ts and
// reactor.ts have it: it writes descriptors and publishes them, reads records, and sleeps until it
// is called. Main thread, but for notify().
class Publisher {
 public:
  // `position`: where all positions begin, so that they wrap.
  explicit Publisher(uint32_t position);

  zerosend::SharedRings& shared() { return *shared_; }
  // Any thread: the call of the thread-safe function.
  void notify();

  void reserve(zerosend::Submitter& submitter, uint32_t lines);
  uint32_t* line(uint32_t i) {
    return shared_->lines + zerosend::SharedRings::kWordsOfLine *
                                ((tail_ + i) & (zerosend::SharedRings::kLines - 1));
  }
  void publish(zerosend::Submitter& submitter, uint32_t lines);

  // Hands each record to `take`; then `pump` where some had no room. Returns whether there were
  // any.
  bool look(const std::function<void(const double*)>& take, const std::function<void()>& pump);
  // Sleeps until there are records. Nothing else ends it: a call that does not come is an error.
  void wait();

 private:
  uint32_t streamed() const;

  std::unique_ptr<zerosend::SharedRings> shared_;
  uint32_t tail_;
  uint32_t head_;
  uint32_t record_head_ = 0;
  std::mutex mutex_;
  std::condition_variable called_;
  bool call_ = false;
};

}  // namespace stress
