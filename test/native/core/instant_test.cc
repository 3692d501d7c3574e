#include "core/instant.h"

#include "harness.h"

using zerosend::Instant;
using zerosend::latency_of;

namespace {

constexpr uint64_t kHour = 3'600'000'000'000;
constexpr Instant kSent{5 * kHour, 1000};

// The moment `passed` ns after kSent, with the wall clock stepped by `step` ns in between.
Instant later(uint64_t passed, int64_t step) {
  return {kSent.real + passed + static_cast<uint64_t>(step), kSent.monotonic + passed};
}

// Returns 0 if there is no latency.
uint64_t latency(uint64_t time, const Instant& now) {
  uint64_t result = 0;
  return latency_of(kSent, now, time, &result) ? result : 0;
}

}  // namespace

TEST(instant_latency_without_a_step) {
  CHECK_EQ(latency(kSent.real + 300, later(900, 0)), 300u);
  CHECK_EQ(latency(kSent.real + 900, later(900, 0)), 900u);
}

TEST(instant_latency_when_the_clock_was_stepped_before_the_timestamp) {
  for (const int64_t step : {int64_t{kHour}, -int64_t{kHour}, int64_t{1000}, int64_t{-200}}) {
    const uint64_t time = kSent.real + 300 + static_cast<uint64_t>(step);
    // A step that is shorter than what has passed may be taken for latency, but for no more.
    const uint64_t told = latency(time, later(900, step));
    CHECK(told == 300 || (told > 0 && told <= 900));
    if (step > 900 || step < -300) CHECK_EQ(told, 300u);
  }
}

TEST(instant_latency_when_the_clock_was_stepped_after_the_timestamp) {
  for (const int64_t step : {int64_t{kHour}, -int64_t{kHour}, int64_t{1000}, int64_t{-200}}) {
    CHECK_EQ(latency(kSent.real + 300, later(900, step)), 300u);
  }
}

TEST(instant_latency_that_cannot_be) {
  CHECK_EQ(latency(kSent.real - 1, later(900, 0)), 0u);
  CHECK_EQ(latency(kSent.real + 901, later(900, 0)), 0u);
  CHECK_EQ(latency(kSent.real + kHour, later(900, 2 * int64_t{kHour})), 0u);  // stepped twice
}
