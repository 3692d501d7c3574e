#pragma once

#include <algorithm>
#include <cstdint>

namespace zerosend {

// Decides for how long a frame that the kernel refuses each time is tried again, before it fails
// and those behind it go on. The next frame may be refused for the same reason, so each failure
// halves the time that the next one gets, from a second down to a few milliseconds. After ten
// seconds without a failure it is a second again. Used under the socket's lock, on either thread.
class Patience {
 public:
  // Notes that the frame with this id, at the head, was refused. Returns whether its time is over.
  bool is_over(uint64_t id, uint64_t now_ms) {
    if (since_ == 0 || id_ != id) {
      if (now_ms - gave_up_at_ >= kForgetting) patience_ms_ = kLongest;
      id_ = id;
      since_ = now_ms;
      return false;
    }
    if (now_ms - since_ < patience_ms_) return false;
    since_ = 0;
    gave_up_at_ = now_ms;
    patience_ms_ = std::max(patience_ms_ / 2, kShortest);
    return true;
  }

  // The head was not refused.
  void forget() { since_ = 0; }

 private:
  static constexpr uint64_t kLongest = 1000;  // milliseconds
  static constexpr uint64_t kShortest = 8;    // the clock is exact to four
  static constexpr uint64_t kForgetting = 10 * kLongest;

  uint64_t id_ = 0;
  uint64_t since_ = 0;       // in milliseconds; 0: none was refused
  uint64_t gave_up_at_ = 0;  // in milliseconds
  uint64_t patience_ms_ = kLongest;
};

}  // namespace zerosend
