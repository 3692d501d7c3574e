#include "core/send_order.h"

#include <cstdint>

#include "harness.h"

using zerosend::SendOrder;

TEST(send_order_foresees_who_has_followed_the_last_time) {
  SendOrder order;
  for (uint32_t number = 1; number <= 1000; ++number) CHECK_EQ(order.follow(number), 0u);
  for (uint32_t round = 0; round < 2; ++round) {
    CHECK_EQ(order.follow(1), 2u);
    for (uint32_t number = 2; number < 1000; ++number) CHECK_EQ(order.follow(number), number + 1);
    CHECK_EQ(order.follow(1000), 1u);
  }
  // Another order is learned as it comes.
  for (const uint32_t number : {1u, 7u, 3u}) order.follow(number);
  CHECK_EQ(order.follow(1), 7u);
  CHECK_EQ(order.follow(7), 3u);
  CHECK_EQ(order.follow(3), 1u);
}

TEST(send_order_foresees_nobody_for_one_alone) {
  SendOrder order;
  for (uint32_t i = 0; i < 3; ++i) CHECK_EQ(order.follow(5), 0u);
  CHECK_EQ(order.follow(9), 0u);
  CHECK_EQ(order.follow(5), 9u);
  CHECK_EQ(order.follow(5), 0u);
}

TEST(send_order_tells_how_long_ago_a_socket_had_its_turn) {
  SendOrder order;
  for (const uint32_t number : {1u, 2u, 3u}) {
    order.follow(number);
    CHECK_EQ(order.period(), 0u);
  }
  order.follow(1);
  CHECK_EQ(order.period(), 3u);
  order.follow(1);  // again in the same turn
  CHECK_EQ(order.period(), 0u);
  order.follow(3);
  CHECK_EQ(order.period(), 2u);
  order.follow(1);
  CHECK_EQ(order.period(), 2u);
  order.follow(2);
  CHECK_EQ(order.period(), 5u);
}

// Numbers are those of open sockets, and any may be the first to send.
TEST(send_order_makes_room_for_any_number) {
  SendOrder order;
  for (const uint32_t number : {(1u << 20) - 1, 1u, 500'000u}) CHECK_EQ(order.follow(number), 0u);
  CHECK_EQ(order.follow((1u << 20) - 1), 1u);
}

TEST(send_order_knows_nothing_of_a_number_that_is_given_again) {
  SendOrder order;
  for (const uint32_t number : {1u, 2u, 3u, 1u}) order.follow(number);
  CHECK_EQ(order.period(), 3u);
  order.forget(2);
  CHECK_EQ(order.follow(2), 0u);
  CHECK_EQ(order.period(), 0u);
  order.forget(2);
  CHECK_EQ(order.follow(2), 0u);  // not the same in a row
  CHECK_EQ(order.follow(3), 1u);
  order.forget(1000);
}
