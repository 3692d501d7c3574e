#include "core/ledger.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "harness.h"

using zerosend::Ledger;
using zerosend::NotificationEffect;
using zerosend::Outcome;

namespace {

constexpr uint64_t kWrap = uint64_t{1} << 32;

struct Completion {
  uint64_t id;
  Outcome outcome;
  int payload;
  bool operator==(const Completion& o) const {
    return id == o.id && outcome == o.outcome && payload == o.payload;
  }
};

// A ledger whose payloads are numbers, with the list of what has completed.
struct Book {
  explicit Book(uint64_t first_send = 0, uint64_t first_kernel = 0)
      : ledger(first_send, first_kernel) {}

  Ledger<int> ledger;
  std::vector<Completion> done;

  auto sink() {
    return [this](uint64_t id, Outcome outcome, int payload) {
      done.push_back({id, outcome, payload});
    };
  }

  // Opens and closes a send of `pieces` zero-copied pieces. Its payload is 100 plus its id.
  uint64_t send(int pieces = 1) {
    const uint64_t id = ledger.open(100 + static_cast<int>(ledger.next_send() % 1000));
    for (int i = 0; i < pieces; ++i) ledger.add_zerocopy_piece(id);
    ledger.close(id, sink());
    return id;
  }

  NotificationEffect notify(uint64_t first, uint64_t last, bool copied = false) {
    return ledger.notify(static_cast<uint32_t>(first), static_cast<uint32_t>(last), copied, sink());
  }
};

// `completed, duplicates, unknown, phantoms` of an effect.
std::string text(const NotificationEffect& effect) {
  return std::to_string(effect.completed) + " " + std::to_string(effect.duplicates) + " " +
         std::to_string(effect.unknown) + " " + std::to_string(effect.phantoms);
}

std::string text(const std::vector<Completion>& completions) {
  std::string out;
  for (const Completion& one : completions) {
    out += std::to_string(one.id) + "/" + std::to_string(static_cast<int>(one.outcome)) + " ";
  }
  return out;
}

}  // namespace

TEST(ledger_gives_consecutive_ids_from_0) {
  Book book;
  CHECK_EQ(book.ledger.next_send(), 0u);
  for (uint64_t i = 0; i < 200; ++i) CHECK_EQ(book.send(), i);
  CHECK_EQ(book.ledger.next_send(), 200u);
  CHECK_EQ(book.ledger.open_or_outstanding(), 200u);
  CHECK_EQ(book.ledger.kernel_outstanding(), 200u);
  CHECK(book.done.empty());
}

TEST(ledger_completes_id_0_with_its_payload) {
  Book book;
  book.send();
  CHECK_EQ(text(book.notify(0, 0)), "1 0 0 0");
  REQUIRE(book.done.size() == 1);
  CHECK(book.done[0] == (Completion{0, Outcome::kZeroCopy, 100}));
  CHECK_EQ(book.ledger.open_or_outstanding(), 0u);
  CHECK_EQ(book.ledger.kernel_outstanding(), 0u);
}

TEST(ledger_takes_two_sends_back_as_one_range) {
  Book book;
  book.send();
  book.send();
  CHECK_EQ(text(book.notify(0, 1)), "2 0 0 0");
  CHECK_EQ(text(book.done), "0/0 1/0 ");
}

TEST(ledger_takes_several_ranges_in_any_order) {
  Book book;
  for (int i = 0; i < 10; ++i) book.send();
  CHECK_EQ(text(book.notify(4, 6)), "3 0 0 0");
  CHECK_EQ(text(book.notify(9, 9, true)), "1 0 0 0");
  CHECK_EQ(book.ledger.open_or_outstanding(), 6u);
  CHECK_EQ(text(book.notify(0, 3)), "4 0 0 0");
  CHECK_EQ(text(book.notify(7, 8)), "2 0 0 0");
  CHECK_EQ(text(book.done), "4/0 5/0 6/0 9/1 0/0 1/0 2/0 3/0 7/0 8/0 ");
  CHECK_EQ(book.ledger.open_or_outstanding(), 0u);
}

// A reset by the peer was seen to answer 9..55 before 0..8, the first zero-copied, the other not.
TEST(ledger_takes_the_order_of_a_reset) {
  Book book;
  for (int i = 0; i < 56; ++i) book.send();
  CHECK_EQ(text(book.notify(9, 55)), "47 0 0 0");
  CHECK_EQ(text(book.notify(0, 8, true)), "9 0 0 0");
  CHECK_EQ(book.done.size(), 56u);
  CHECK_EQ(book.done.back().id, 8u);
  CHECK_EQ(book.done.back().outcome, Outcome::kCopied);
}

TEST(ledger_ends_a_range_at_the_last_32_bit_id) {
  Book book(0, kWrap - 4);
  for (int i = 0; i < 4; ++i) book.send();
  CHECK_EQ(text(book.notify(kWrap - 4, kWrap - 1)), "4 0 0 0");
  CHECK_EQ(book.done.size(), 4u);
  CHECK_EQ(book.ledger.kernel_outstanding(), 0u);
}

TEST(ledger_takes_a_range_that_straddles_the_wrap) {
  Book book(7, kWrap - 3);
  for (int i = 0; i < 6; ++i) book.send();
  CHECK_EQ(text(book.notify(0xffff'fffd, 2)), "6 0 0 0");
  CHECK_EQ(text(book.done), "7/0 8/0 9/0 10/0 11/0 12/0 ");
}

TEST(ledger_takes_a_late_range_after_the_wrap) {
  Book book(0, kWrap - 2);
  for (int i = 0; i < 100; ++i) book.send();
  CHECK_EQ(text(book.notify(0, 97)), "98 0 0 0");
  CHECK_EQ(text(book.notify(0xffff'fffe, 0xffff'ffff)), "2 0 0 0");
  CHECK_EQ(book.done.back().id, 1u);
}

TEST(ledger_stays_exact_past_2_to_the_32) {
  Book book(5 * kWrap + 17, 3 * kWrap + 1);
  for (int i = 0; i < 3; ++i) book.send();
  CHECK_EQ(text(book.notify(2, 2)), "1 0 0 0");
  REQUIRE(book.done.size() == 1);
  CHECK_EQ(book.done[0].id, 5 * kWrap + 18);
  CHECK_EQ(book.ledger.next_send(), 5 * kWrap + 20);
}

TEST(ledger_counts_duplicates_and_frees_nothing_twice) {
  Book book;
  for (int i = 0; i < 6; ++i) book.send();
  book.notify(2, 3);                             // in the middle of the window
  CHECK_EQ(text(book.notify(2, 3)), "0 2 0 0");  // all of it again
  CHECK_EQ(text(book.notify(1, 4)), "2 2 0 0");  // around it
  book.notify(0, 0);                             // the window moves
  CHECK_EQ(text(book.notify(0, 0)), "0 1 0 0");  // before the window
  CHECK_EQ(text(book.notify(3, 5)), "1 2 0 0");  // reaching into it
  CHECK_EQ(text(book.notify(0, 5)), "0 6 0 0");  // the window is empty
  CHECK_EQ(text(book.done), "2/0 3/0 1/0 4/0 0/0 5/0 ");
  CHECK_EQ(book.ledger.open_or_outstanding(), 0u);
}

TEST(ledger_refuses_ids_that_were_never_given_out) {
  Book book;
  CHECK_EQ(text(book.notify(0, 0)), "0 0 1 0");  // nothing sent at all
  for (int i = 0; i < 3; ++i) book.send();
  CHECK_EQ(text(book.notify(3, 3)), "0 0 1 0");
  CHECK_EQ(text(book.notify(2, 3)), "0 0 2 0");  // in part is garbage as a whole
  CHECK_EQ(text(book.notify(1000, 1004)), "0 0 5 0");
  CHECK_EQ(text(book.notify(0xffff'ffff, 0xffff'ffff)), "0 0 1 0");  // before the first
  CHECK_EQ(text(book.notify(0xffff'fff0, 1)), "0 0 18 0");           // reaching into the window
  CHECK(book.done.empty());
  CHECK_EQ(text(book.notify(0, 2)), "3 0 0 0");
}

TEST(ledger_refuses_a_range_that_runs_backwards) {
  for (const uint64_t start : {uint64_t{0}, kWrap - 3, kWrap + 100, 5 * kWrap}) {
    Book book(0, start);
    for (int i = 0; i < 6; ++i) book.send();
    // By one; from the last to the first; from beyond the end; to before the start.
    for (const auto& [first, last] : {std::pair<uint64_t, uint64_t>{start + 1, start},
                                      {start + 5, start},
                                      {start + 9, start + 5},
                                      {start + 1000, start + 5},
                                      {start + 5, start - 7}}) {
      const NotificationEffect effect = book.notify(first, last);
      CHECK_EQ(effect.completed, 0u);
      CHECK(effect.unknown > 0);
    }
    CHECK(book.done.empty());
    CHECK_EQ(text(book.notify(start, start + 5)), "6 0 0 0");
  }
}

TEST(ledger_completes_a_send_of_several_pieces_with_its_last_piece) {
  Book book;
  book.send(3);  // kernel ids 0, 1, 2
  book.send(2);  // 3, 4
  CHECK_EQ(book.ledger.open_or_outstanding(), 2u);
  CHECK_EQ(book.ledger.kernel_outstanding(), 5u);
  CHECK_EQ(text(book.notify(1, 1)), "1 0 0 0");
  CHECK_EQ(text(book.notify(2, 3)), "2 0 0 0");
  CHECK(book.done.empty());
  CHECK_EQ(text(book.notify(0, 0)), "1 0 0 0");
  CHECK_EQ(text(book.done), "0/0 ");
  CHECK_EQ(text(book.notify(4, 4)), "1 0 0 0");
  CHECK_EQ(text(book.done), "0/0 1/0 ");
}

TEST(ledger_keeps_a_send_until_it_is_closed) {
  Book book;
  const uint64_t id = book.ledger.open(7);
  book.ledger.add_zerocopy_piece(id);
  CHECK_EQ(text(book.notify(0, 0)), "1 0 0 0");
  CHECK(book.done.empty());  // the rest may still be cut into further pieces
  book.ledger.add_zerocopy_piece(id);
  book.ledger.close(id, book.sink());
  CHECK(book.done.empty());
  book.notify(1, 1);
  REQUIRE(book.done.size() == 1);
  CHECK(book.done[0] == (Completion{0, Outcome::kZeroCopy, 7}));
}

TEST(ledger_takes_ids_for_copied_sends_and_keeps_nothing_of_them) {
  Book book;
  for (uint64_t i = 0; i < 100; ++i) CHECK_EQ(book.ledger.add_copied(), i);
  CHECK_EQ(book.ledger.oldest_send(), 100u);
  CHECK_EQ(book.ledger.open_or_outstanding(), 0u);
  CHECK_EQ(book.send(), 100u);
  CHECK_EQ(book.ledger.add_copied(), 101u);  // behind one that is in flight
  CHECK_EQ(book.send(), 102u);
  CHECK_EQ(book.ledger.oldest_send(), 100u);
  book.notify(0, 0);
  CHECK_EQ(book.ledger.oldest_send(), 102u);
  book.notify(1, 1);
  CHECK_EQ(book.ledger.oldest_send(), 103u);
  CHECK_EQ(book.ledger.add_copied(), 103u);
  CHECK_EQ(text(book.done), "100/0 102/0 ");  // no sink hears of the others
  int held = 0;
  book.ledger.for_each_held([&held](int) { ++held; });
  CHECK_EQ(held, 0);
}

TEST(ledger_completes_an_inline_send_when_it_is_closed) {
  Book book;
  book.send();  // in flight before it
  const uint64_t id = book.ledger.open(7);
  book.ledger.add_inline_piece(id);
  book.ledger.close(id, book.sink());
  CHECK_EQ(text(book.done), "1/2 ");
  CHECK_EQ(book.send(), 2u);
  // An inline send takes no kernel id, so the two counts run apart.
  CHECK_EQ(text(book.notify(0, 1)), "2 0 0 0");
  CHECK_EQ(text(book.done), "1/2 0/0 2/0 ");
}

TEST(ledger_names_a_send_by_the_worst_of_its_pieces) {
  // copied over zero-copied, whichever comes first
  for (const bool copied_first : {false, true}) {
    Book book;
    book.send(2);
    book.notify(0, 0, copied_first);
    book.notify(1, 1, !copied_first);
    CHECK_EQ(text(book.done), "0/1 ");
  }
  // inline over copied
  Book book;
  const uint64_t id = book.ledger.open(0);
  book.ledger.add_inline_piece(id);
  book.ledger.add_zerocopy_piece(id);
  book.ledger.close(id, book.sink());
  CHECK(book.done.empty());  // a copied piece must not complete what the kernel still reads
  book.notify(0, 0, true);
  CHECK_EQ(text(book.done), "0/2 ");
  // failed over inline and copied
  const uint64_t next = book.ledger.open(0);
  book.ledger.add_zerocopy_piece(next);
  book.ledger.add_inline_piece(next);
  book.ledger.fail(next, book.sink());
  book.notify(1, 1, true);
  CHECK_EQ(text(book.done), "0/2 1/4 ");
}

TEST(ledger_gives_retracted_ids_again) {
  Book book;
  book.send();
  for (int i = 0; i < 3; ++i) book.ledger.add_sent(7);
  book.ledger.retract_sent(2);
  CHECK_EQ(book.ledger.next_send(), 2u);
  CHECK_EQ(book.ledger.next_kernel(), 2u);
  CHECK_EQ(book.ledger.open_or_outstanding(), 2u);
  CHECK_EQ(book.ledger.kernel_outstanding(), 2u);
  CHECK_EQ(book.send(), 2u);
  book.notify(0, 2);
  CHECK_EQ(text(book.done), "0/0 1/0 2/0 ");
}

TEST(ledger_retracts_only_what_was_added_last) {
  Book book;
  book.ledger.add_sent(7);
  const uint64_t open = book.ledger.open(8);
  book.ledger.retract_sent(1);
  CHECK_EQ(book.ledger.next_send(), open + 1);
  CHECK_EQ(book.ledger.next_kernel(), 1u);
  CHECK_EQ(book.ledger.open_or_outstanding(), 2u);
  book.ledger.retract_sent(5);
  CHECK_EQ(book.ledger.open_or_outstanding(), 2u);
}

TEST(ledger_fails_a_send_at_once_when_nothing_of_it_is_in_flight) {
  Book book;
  const uint64_t id = book.ledger.open(7);
  book.ledger.fail(id, book.sink());
  REQUIRE(book.done.size() == 1);
  CHECK(book.done[0] == (Completion{0, Outcome::kFailed, 7}));
}

TEST(ledger_waits_for_the_pieces_of_a_failed_send) {
  Book book;
  const uint64_t id = book.ledger.open(7);
  book.ledger.add_zerocopy_piece(id);
  book.ledger.add_zerocopy_piece(id);
  book.ledger.fail(id, book.sink());
  CHECK(book.done.empty());
  book.notify(0, 0);
  CHECK(book.done.empty());
  book.notify(1, 1);
  CHECK_EQ(text(book.done), "0/4 ");
}

TEST(ledger_holds_the_payload_until_the_send_completes) {
  Ledger<std::shared_ptr<int>> ledger;
  const auto ignore = [](uint64_t, Outcome, const std::shared_ptr<int>&) {};
  auto memory = std::make_shared<int>(1);
  const uint64_t id = ledger.open(memory);
  ledger.open(memory);  // stays open, so that the window does not move
  ledger.add_zerocopy_piece(id);
  ledger.close(id, ignore);
  CHECK_EQ(memory.use_count(), 3);
  CHECK(ledger.payload(id) == memory);
  ledger.notify(0, 0, false, ignore);
  CHECK_EQ(memory.use_count(), 2);
  ledger.close(1, ignore);
  CHECK_EQ(memory.use_count(), 1);
  ledger.add_sent(memory);
  CHECK_EQ(memory.use_count(), 2);
  ledger.retract_sent(1);
  CHECK_EQ(memory.use_count(), 1);
}

TEST(ledger_settles_kernel_ids_with_any_outcome) {
  Book book;
  for (int i = 0; i < 4; ++i) book.send();
  CHECK_EQ(book.ledger.next_kernel(), 4u);
  const NotificationEffect effect = book.ledger.settle_kernel(1, 2, Outcome::kFailed, book.sink());
  CHECK_EQ(text(effect), "2 0 0 0");
  book.notify(0, 3, true);
  CHECK_EQ(text(book.done), "1/4 2/4 0/1 3/1 ");
}

TEST(ledger_visits_what_the_kernel_may_still_read) {
  Book book;
  book.send();
  book.send(2);
  book.send();
  book.notify(0, 1);  // all of the first, half of the second
  std::string held;
  book.ledger.for_each_held([&held](int payload) { held += std::to_string(payload) + " "; });
  CHECK_EQ(held, "101 102 ");
}
