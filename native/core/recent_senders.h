#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace zerosend {

// The sockets of a thread that have sent without a copy lately, where many take turns. What has
// completed of these is to be read while they are in a cache still: when their turn comes again,
// nothing of them is, and neither is anything that the kernel keeps of them.
//
// That is worth its calls only where completions are there by then, as they are where the driver
// lets go within the send. So each reading that has found little lets twice as many rounds pass
// before the next one. JavaScript thread.
class RecentSenders {
 public:
  static constexpr uint32_t kMost = 16;

  // A socket has sent. Returns whether the latest kMost sends were of as many sockets, and are to
  // be looked at now; judge() has to follow then.
  bool note(uint32_t handle) { return handle != latest_ && note_other(handle); }

  uint32_t handle(size_t i) const { return handles_[i]; }

  // Of the kMost sockets that were looked at, at so many sends had completed.
  void judge(size_t fruitful) {
    passes_ = 2 * fruitful >= kMost ? 0 : std::min(2 * passes_ + 1, kMostPasses);
    left_ = passes_;
  }

 private:
  static constexpr uint32_t kMostPasses = 255;

  bool note_other(uint32_t handle) {
    latest_ = handle;
    handles_[count_++] = handle;
    if (count_ < kMost) return false;
    count_ = 0;
    if (left_ > 0) {
      --left_;
      return false;
    }
    for (uint32_t i = 1; i < kMost; ++i) {
      if (std::find(handles_, handles_ + i, handles_[i]) != handles_ + i) return false;
    }
    return true;
  }

  uint32_t handles_[kMost] = {};
  uint32_t count_ = 0;
  uint32_t latest_ = 0;  // no socket's
  uint32_t passes_ = 0;  // rounds to pass after a reading that has found little
  uint32_t left_ = 0;    // of these
};

}  // namespace zerosend
