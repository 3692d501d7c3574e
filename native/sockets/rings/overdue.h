#pragma once

#include <cstdint>

namespace zerosend {

// Which descriptors the kernel took as long ago as a deadline: remembers when it had taken how
// many. Marks are a fraction of the deadline apart, so that it is exact to an eighth. Under the
// socket's lock, on either thread.
class Overdue {
 public:
  explicit Overdue(uint32_t deadline_ms) : deadline_ms_(deadline_ms) {}

  // By now the kernel has taken so many.
  void note_taken(uint64_t taken, uint64_t now_ms) {
    if (end_ != first_) {
      const Mark& last = marks_[(end_ - 1) % kMarks];
      if (taken == last.taken || now_ms - last.ms < deadline_ms_ / (kMarks / 2)) return;
    }
    if (end_ - first_ == kMarks) ++first_;
    marks_[end_++ % kMarks] = {taken, now_ms};
  }

  // Positions below were taken as long ago as the deadline.
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
