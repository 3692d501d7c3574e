#include "core/recent_senders.h"

#include <cstdint>

#include "harness.h"

using zerosend::RecentSenders;

namespace {

constexpr uint32_t kMost = RecentSenders::kMost;

}  // namespace

TEST(recent_senders_are_looked_at_when_so_many_have_sent) {
  RecentSenders recent;
  for (uint32_t round = 0; round < 3; ++round) {
    for (uint32_t i = 1; i <= kMost; ++i) CHECK_EQ(recent.note(100 * round + i), i == kMost);
    for (uint32_t i = 0; i < kMost; ++i) CHECK_EQ(recent.handle(i), 100 * round + i + 1);
    recent.judge(kMost);
  }
}

// Where looking back finds little, it is done ever less often, and at once again when it has paid.
TEST(recent_senders_are_looked_at_less_often_in_vain) {
  RecentSenders recent;
  const auto rounds_until_asked = [&recent] {
    uint32_t rounds = 0;
    for (uint32_t next = 1;; ++rounds) {
      for (uint32_t i = 1; i <= kMost; ++i) {
        if (recent.note(1 + next++ % 1000)) return rounds;
      }
    }
  };
  for (const uint32_t passed : {0u, 1u, 3u, 7u, 15u, 31u, 63u, 127u, 255u, 255u}) {
    CHECK_EQ(rounds_until_asked(), passed);
    recent.judge(kMost / 2 - 1);
  }
  CHECK_EQ(rounds_until_asked(), 255u);
  recent.judge(kMost / 2);
  CHECK_EQ(rounds_until_asked(), 0u);
}
