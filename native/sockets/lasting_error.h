#pragma once

#include <chrono>
#include <cstdint>

namespace zerosend {

// Decides when an errno that a call answers each time is taken for one that stays: a filter of
// system calls (seccomp) or a security module denies the call, and waiting would never end. Used
// under the socket's lock, on either thread.
class LastingError {
 public:
  // The call has failed. `progress` is a count that grows as long as the socket gets on all the
  // same. Returns whether it has failed for too long without any.
  bool note(uint64_t progress = 0) {
    const auto now = Clock::now();
    if (failures_ == 0 || progress != progress_) {
      failures_ = 0;
      since_ = now;
      progress_ = progress;
    }
    return ++failures_ >= kEnough && now - since_ >= kPatience;
  }

  // The call has not failed.
  void forget() { failures_ = 0; }

  bool is_failing() const { return failures_ > 0; }

 private:
  using Clock = std::chrono::steady_clock;

  static constexpr std::chrono::seconds kPatience{2};
  // a number of failures as well, since the process may have been stopped for longer than the time
  static constexpr uint32_t kEnough = 32;

  uint32_t failures_ = 0;
  uint64_t progress_ = 0;
  Clock::time_point since_;
};

}  // namespace zerosend
