#include "core/recent_senders.h"

#include <cstdint>

#include "harness.h"

using zerosend::RecentSenders;

namespace {

constexpr uint32_t kMost = RecentSenders::kMost;

// Sends on so many sockets in turn; returns how many of the sends ask to look back.
uint32_t send_in_turn(RecentSenders& recent, uint32_t sockets, uint32_t sends) {
  uint32_t asked = 0;
  for (uint32_t i = 0; i < sends; ++i) asked += recent.note(1 + i % sockets);
  return asked;
}

}  // namespace

TEST(recent_senders_are_looked_at_when_so_many_have_sent) {
  RecentSenders recent;
  for (uint32_t round = 0; round < 3; ++round) {
    for (uint32_t i = 1; i <= kMost; ++i) CHECK_EQ(recent.note(100 * round + i), i == kMost);
    for (uint32_t i = 0; i < kMost; ++i) CHECK_EQ(recent.handle(i), 100 * round + i + 1);
    recent.judge(kMost);
  }
}

TEST(recent_senders_that_send_twice_in_a_row_count_once) {
  RecentSenders recent;
  for (uint32_t i = 1; i <= kMost; ++i) {
    CHECK_EQ(recent.note(i), i == kMost);
    CHECK(!recent.note(i));
  }
}

TEST(recent_senders_are_left_alone_where_few_take_turns) {
  for (uint32_t sockets = 1; sockets < kMost; ++sockets) {
    RecentSenders recent;
    CHECK_EQ(send_in_turn(recent, sockets, 100 * kMost), 0u);
  }
  RecentSenders recent;
  uint32_t asked = 0;
  for (uint32_t i = 0; i < 100 * kMost; ++i) {
    if (!recent.note(1 + i % kMost)) continue;
    recent.judge(kMost);
    ++asked;
  }
  CHECK_EQ(asked, 100u);
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
