#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace zerosend {

// The sockets of a thread that have sent without a copy lately, where so many take turns that the
// pool runs dry before one sends again. Then each of its sends needs a reading of its error queue,
// and that is to be done while the socket is in a cache still: when its turn comes again, nothing
// of it is, and neither is anything that the kernel keeps of it. (Where fewer take turns, one
// reading tells of several sends, and to wait for these is worth more.)
//
// That is worth its calls only where completions are there by then, as they are where the driver
// lets go within the send. So each reading that has found little lets twice as many rounds pass
// before the next one. JavaScript thread.
class RecentSenders {
 public:
  static constexpr uint32_t kMost = 16;

  // Such a socket has sent. Returns whether the latest kMost are to be looked at now; judge() has
  // to follow then.
  bool note(uint32_t handle) {
    handles_[count_++] = handle;
    if (count_ < kMost) return false;
    count_ = 0;
    if (left_ == 0) return true;
    --left_;
    return false;
  }

  uint32_t handle(size_t i) const { return handles_[i]; }

  // Of the kMost sockets that were looked at, at so many sends had completed.
  void judge(size_t fruitful) {
    passes_ = 2 * fruitful >= kMost ? 0 : std::min(2 * passes_ + 1, kMostPasses);
    left_ = passes_;
  }

 private:
  static constexpr uint32_t kMostPasses = 255;

  uint32_t handles_[kMost] = {};
  uint32_t count_ = 0;
  uint32_t passes_ = 0;  // rounds to pass after a reading that has found little
  uint32_t left_ = 0;    // of these
};

}  // namespace zerosend
