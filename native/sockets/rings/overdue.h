#pragma once

#include <cstdint>

namespace zerosend {

// Knows which descriptors the kernel took longer ago than a deadline. For that it keeps marks, each
// of which says how many had been taken at a time. Marks are at least an eighth of the deadline
// apart, so sixteen of them are enough, and a descriptor is reported at most an eighth too late.
// Used under the socket's lock, on either thread.
class Overdue {
 public:
  explicit Overdue(uint32_t deadline_ms) : deadline_ms_(deadline_ms) {}

  // Notes that the kernel has taken `taken` descriptors in all by now.
  void note_taken(uint64_t taken, uint64_t now_ms) {
    if (end_ != first_) {
      const Mark& last = marks_[(end_ - 1) % kMarks];
      if (taken == last.taken || now_ms - last.ms < deadline_ms_ / (kMarks / 2)) return;
    }
    if (end_ - first_ == kMarks) ++first_;
    marks_[end_++ % kMarks] = {taken, now_ms};
  }

  // Returns the position below which all were taken at least a deadline ago.
  uint64_t below(uint64_t now_ms) {
    for (; first_ != end_; ++first_) {
      const Mark& mark = marks_[first_ % kMarks];
      if (now_ms - mark.ms < deadline_ms_) break;
      below_ = mark.taken;
    }
    return below_;
  }

 private:
  struct Mark {
    uint64_t taken = 0;
    uint64_t ms = 0;
  };
  static constexpr uint32_t kMarks = 16;

  const uint32_t deadline_ms_;
  Mark marks_[kMarks];  // the oldest at first_ % kMarks
  uint32_t first_ = 0;
  uint32_t end_ = 0;
  uint64_t below_ = 0;
};

}  // namespace zerosend
