#pragma once

#include <cstdint>

namespace zerosend {

// One moment by two clocks, in nanoseconds: the wall clock, by which the kernel takes timestamps
// and which may be stepped at any time, and the monotonic one.
struct Instant {
  uint64_t real = 0;
  uint64_t monotonic = 0;
};

// Computes how long after `sent` a timestamp of the wall clock was taken, which was read at `now`.
// The latency must lie between 0 and the time that has passed by the monotonic clock. A value
// outside shows that the wall clock was stepped in between; then the timestamp may have been taken
// before the step or after it, and both are tried. Returns false when neither gives a possible
// latency. `sent.monotonic` was read before `sent.real`, `now.monotonic` after `now.real`.
inline bool latency_of(const Instant& sent, const Instant& now, uint64_t time, uint64_t* latency) {
  // In unsigned arithmetic a negative difference is larger than any bound.
  const uint64_t passed = now.monotonic - sent.monotonic;
  const uint64_t step = (now.real - now.monotonic) - (sent.real - sent.monotonic);
  const uint64_t before = time - sent.real;
  const uint64_t after = before - step;
  *latency = before <= passed ? before : after;
  return *latency <= passed;
}

}  // namespace zerosend
