// Ledger: kernel ids that a refused send took (phantoms), and revoking what cannot be awaited.

#include <cstdint>
#include <string>
#include <vector>

#include "core/ledger.h"
#include "harness.h"

using zerosend::Ledger;
using zerosend::NotificationEffect;
using zerosend::Outcome;

namespace {

constexpr uint64_t kWrap = uint64_t{1} << 32;

struct Book {
  explicit Book(uint64_t first_kernel = 0) : ledger(0, first_kernel) {}

  Ledger<int> ledger;
  std::string done;      // "id/outcome " of each completion
  std::string revoking;  // "id=payload " of each call of `before`

  auto sink() {
    return [this](uint64_t id, Outcome outcome, int) {
      done += std::to_string(id) + "/" + std::to_string(static_cast<int>(outcome)) + " ";
    };
  }

  uint64_t send(int pieces = 1) {
    const uint64_t id = ledger.open(100 + static_cast<int>(ledger.next_send()));
    for (int i = 0; i < pieces; ++i) ledger.add_zerocopy_piece(id);
    ledger.close(id, sink());
    return id;
  }

  std::string notify(uint64_t first, uint64_t last, bool copied = false) {
    const NotificationEffect effect =
        ledger.notify(static_cast<uint32_t>(first), static_cast<uint32_t>(last), copied, sink());
    return std::to_string(effect.completed) + " " + std::to_string(effect.duplicates) + " " +
           std::to_string(effect.unknown) + " " + std::to_string(effect.phantoms) +
           (effect.revoked > 0 ? " late " + std::to_string(effect.revoked) : "");
  }

  void revoke() {
    ledger.revoke(
        [this](uint64_t id, int payload) {
          CHECK_EQ(done, "");  // all memory is safe before the first completion is told
          revoking += std::to_string(id) + "=" + std::to_string(payload) + " ";
        },
        sink());
  }
};

}  // namespace

TEST(ledger_takes_a_phantom_alone) {
  for (const uint64_t start : {uint64_t{0}, kWrap - 2, kWrap - 1, kWrap + 5}) {
    Book book(start);
    book.send();
    book.ledger.doubt();
    CHECK_EQ(book.notify(start + 1, start + 1), "0 0 0 1");
    book.ledger.dispel(1);
    CHECK_EQ(book.done, "");
    CHECK_EQ(book.ledger.kernel_outstanding(), 1u);
    // The next send is counted after the phantom, or its memory would be freed too early or never.
    book.send();
    CHECK_EQ(book.notify(start + 2, start + 2), "1 0 0 0");
    CHECK_EQ(book.done, "1/0 ");
    CHECK_EQ(book.notify(start, start), "1 0 0 0");
    CHECK_EQ(book.ledger.open_or_outstanding(), 0u);
  }
}

TEST(ledger_takes_a_phantom_before_the_first_send) {
  Book book;
  book.ledger.doubt();
  CHECK_EQ(book.notify(0, 0), "0 0 0 1");
  book.ledger.dispel(1);
  book.send();
  CHECK_EQ(book.notify(1, 1), "1 0 0 0");
}

TEST(ledger_takes_a_phantom_at_the_end_of_a_merged_range) {
  for (const uint64_t start : {uint64_t{0}, kWrap - 3, kWrap - 1, kWrap + 5}) {
    Book book(start);
    for (int i = 0; i < 3; ++i) book.send();
    book.ledger.doubt();
    CHECK_EQ(book.notify(start + 1, start + 3), "2 0 0 1");
    CHECK_EQ(book.done, "1/0 2/0 ");
    book.ledger.dispel(1);
    book.send();
    CHECK_EQ(book.notify(start, start), "1 0 0 0");
    CHECK_EQ(book.notify(start + 4, start + 4), "1 0 0 0");
  }
}

TEST(ledger_takes_other_notifications_while_it_expects_a_phantom) {
  Book book;
  for (int i = 0; i < 3; ++i) book.send();
  book.ledger.doubt();
  CHECK_EQ(book.notify(0, 1), "2 0 0 0");
  CHECK_EQ(book.notify(3, 3), "0 0 0 1");
  CHECK_EQ(book.notify(2, 2), "1 0 0 0");
}

TEST(ledger_refuses_a_phantom_that_is_not_expected) {
  Book book;
  book.send();
  CHECK_EQ(book.notify(1, 1), "0 0 1 0");
  book.ledger.doubt();
  book.ledger.dispel(1);
  CHECK_EQ(book.notify(1, 1), "0 0 1 0");
  CHECK_EQ(book.notify(0, 1), "0 0 2 0");
  book.send();
  CHECK_EQ(book.notify(0, 1), "2 0 0 0");
}

TEST(ledger_takes_one_phantom_for_each_refusal) {
  Book book;
  book.send();
  book.ledger.doubt();
  CHECK_EQ(book.notify(1, 1), "0 0 0 1");
  CHECK_EQ(book.notify(2, 2), "0 0 1 0");
  CHECK_EQ(book.notify(1, 1), "0 1 0 0");
  book.ledger.doubt();
  CHECK_EQ(book.notify(2, 2), "0 0 0 1");
}

TEST(ledger_refuses_a_phantom_farther_away_than_the_next_id) {
  Book book;
  book.send();
  book.ledger.doubt();
  CHECK_EQ(book.notify(2, 2), "0 0 1 0");
  CHECK_EQ(book.notify(0, 2), "0 0 3 0");
  CHECK_EQ(book.notify(1, 1), "0 0 0 1");
}

// A range of garbage whose end happens to be the next id must not shift the count: every buffer
// sent from then on would be freed one notification too early.
TEST(ledger_takes_no_garbage_for_a_phantom) {
  for (const uint64_t start : {uint64_t{0}, kWrap - 2, kWrap + 100}) {
    Book book(start);
    for (int i = 0; i < 3; ++i) book.send();
    book.ledger.doubt();
    const NotificationEffect effect = book.ledger.notify(
        static_cast<uint32_t>(start + 50), static_cast<uint32_t>(start + 3), false, book.sink());
    CHECK_EQ(effect.phantoms, 0u);
    CHECK_EQ(effect.completed, 0u);
    CHECK_EQ(book.notify(start + 3, start + 3), "0 0 0 1");  // the real one
    CHECK_EQ(book.notify(start, start + 2), "3 0 0 0");
  }
  Book book;  // from before the first id there ever was
  book.send();
  book.ledger.doubt();
  CHECK_EQ(book.notify(0xffff'fff0, 1), "0 0 18 0");
  CHECK_EQ(book.notify(1, 1), "0 0 0 1");
}

// The kernel was asked for its count: the answer is an id of its own, the latest that was given
// out.
TEST(ledger_learns_the_count_from_an_answer) {
  for (const uint64_t start : {uint64_t{0}, kWrap - 2, kWrap - 1, kWrap, kWrap + 5}) {
    for (const bool taken : {false, true}) {
      Book book(start);
      book.send();
      book.ledger.doubt();  // a refusal
      book.ledger.doubt();  // the question
      const uint64_t answer = start + 1 + (taken ? 1 : 0);
      CHECK_EQ(book.notify(answer, answer), "0 0 0 1");
      book.ledger.dispel(1);
      CHECK(book.ledger.certain());
      book.send();
      // The refused one may be notified long after, alone or with its neighbours.
      if (taken) CHECK_EQ(book.notify(start, start + 1), "1 0 0 1");
      CHECK_EQ(book.notify(answer + 1, answer + 1), "1 0 0 0");
      CHECK_EQ(book.done, taken ? "0/0 1/0 " : "1/0 ");
      if (!taken) CHECK_EQ(book.notify(start, start), "1 0 0 0");
      CHECK_EQ(book.ledger.open_or_outstanding(), 0u);
      CHECK_EQ(book.notify(start + 1, answer), taken ? "0 2 0 0" : "0 1 0 0");
    }
  }
}

TEST(ledger_stays_in_doubt_when_nothing_answers) {
  Book book;
  book.send();
  book.ledger.doubt();
  book.ledger.doubt();
  book.ledger.dispel(1);  // the question took no id
  CHECK(!book.ledger.certain());
  CHECK_EQ(book.notify(2, 2), "0 0 1 0");  // no more than one can have been taken
  CHECK_EQ(book.notify(0, 1), "1 0 0 1");
  CHECK(book.ledger.certain());
}

// Several questions stay without an answer at first, and then all answers are read at once.
TEST(ledger_learns_the_count_from_answers_read_late) {
  Book book;
  book.send();
  for (int i = 0; i < 6; ++i) book.ledger.doubt();  // a refusal, five questions
  CHECK_EQ(book.notify(0, 5), "1 0 0 5");
  book.ledger.dispel(5);
  CHECK(book.ledger.certain());
  CHECK_EQ(book.ledger.next_kernel(), 6u);
}

TEST(ledger_keeps_phantoms_apart_when_it_gives_up) {
  Book book;
  book.send();
  book.ledger.doubt();
  book.ledger.doubt();
  CHECK_EQ(book.notify(2, 2), "0 0 0 1");
  book.revoke();
  CHECK_EQ(book.done, "0/3 ");
  CHECK_EQ(book.notify(0, 2), "0 1 0 1 late 1");
  CHECK_EQ(book.notify(0, 2), "0 3 0 0");
}

TEST(ledger_revokes_what_the_kernel_may_read_and_nothing_else) {
  Book book;
  book.send();   // 0: completes
  book.send(3);  // 1: kernel ids 1..3, one notified
  const uint64_t inlined = book.ledger.open(0);
  book.ledger.add_inline_piece(inlined);
  book.ledger.close(inlined, book.sink());        // 2: never in the kernel's hands
  const uint64_t failed = book.ledger.open(103);  // 3: kernel id 4, then failed
  book.ledger.add_zerocopy_piece(failed);
  book.ledger.fail(failed, book.sink());
  const uint64_t dropped = book.ledger.open(0);  // 4: failed before any piece
  book.ledger.fail(dropped, book.sink());
  book.send();  // 5: kernel id 5
  book.notify(0, 0);
  book.notify(2, 2);
  CHECK_EQ(book.done, "2/2 4/4 0/0 ");
  book.done = "";

  book.revoke();
  CHECK_EQ(book.revoking, "1=101 3=103 5=105 ");
  CHECK_EQ(book.done, "1/3 3/4 5/3 ");
  CHECK_EQ(book.ledger.open_or_outstanding(), 0u);
  CHECK_EQ(book.ledger.kernel_outstanding(), 0u);
}

TEST(ledger_revokes_nothing_when_nothing_is_outstanding) {
  Book book;
  book.revoke();
  book.send();
  book.notify(0, 0);
  book.done = "";
  book.revoke();
  CHECK_EQ(book.revoking, "");
  CHECK_EQ(book.done, "");
}

// They are the first that these ids get; and free nothing, since their memory is in use again.
TEST(ledger_takes_notifications_after_a_revoke_for_late_ones) {
  for (const uint64_t start : {uint64_t{0}, kWrap - 2, kWrap + 5}) {
    Book book(start);
    for (int i = 0; i < 4; ++i) book.send();
    book.notify(start + 1, start + 1);
    book.done = "";
    book.revoke();
    CHECK_EQ(book.done, "0/3 2/3 3/3 ");
    CHECK_EQ(book.notify(start + 3, start + 3), "0 0 0 0 late 1");
    CHECK_EQ(book.notify(start, start + 3), "0 2 0 0 late 2");
    CHECK_EQ(book.notify(start + 3, start + 3), "0 1 0 0");
    CHECK_EQ(book.notify(start + 4, start + 4), "0 0 1 0");
    CHECK_EQ(book.done, "0/3 2/3 3/3 ");
  }
}

TEST(ledger_goes_on_after_a_revoke) {
  Book book;
  book.send();
  book.revoke();
  book.done = "";
  CHECK_EQ(book.send(), 1u);
  CHECK_EQ(book.notify(1, 1), "1 0 0 0");
  CHECK_EQ(book.done, "1/0 ");
}
