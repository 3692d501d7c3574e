// Why sends have failed: the reason travels with the range, and ranges of several reasons are
// several ranges.

#include "core/ledger.h"
#include "harness.h"
#include "sockets/news.h"

using zerosend::Coalescer;
using zerosend::Ledger;
using zerosend::Outcome;
using zerosend::Range;

namespace {

constexpr uint16_t kTooLong = 90;
constexpr uint16_t kForbidden = 1;

}  // namespace

TEST(coalescer_keeps_reasons_apart) {
  Coalescer coalescer;
  coalescer.add(0, 3, Outcome::kFailed, kTooLong);
  coalescer.add(4, 4, Outcome::kFailed, kTooLong);
  coalescer.add(5, 7, Outcome::kFailed, kForbidden);
  coalescer.add(9, 9, Outcome::kFailed, kTooLong);
  coalescer.add(8, 8, Outcome::kFailed, kForbidden);  // late: has them sorted
  Range out[8];
  REQUIRE(coalescer.take(out, 8) == 3);
  CHECK(out[0] == (Range{0, 4, Outcome::kFailed, kTooLong}));
  CHECK(out[1] == (Range{5, 8, Outcome::kFailed, kForbidden}));
  CHECK(out[2] == (Range{9, 9, Outcome::kFailed, kTooLong}));
}

// The sink is called for a failed send when its last piece is notified, and can still read the
// reason.
TEST(ledger_remembers_why_a_send_has_failed) {
  Ledger<int> ledger;
  uint64_t failed = 99;
  uint16_t error = 0;
  const auto sink = [&](uint64_t id, Outcome outcome, int) {
    if (outcome != Outcome::kFailed) return;
    failed = id;
    error = ledger.error_of(id);
  };
  const uint64_t whole = ledger.add_sent(1);
  const uint64_t torn = ledger.open(2);
  ledger.add_zerocopy_piece(torn);
  ledger.fail(torn, sink, kForbidden);
  CHECK_EQ(failed, 99u);  // the kernel has a piece of it
  ledger.notify(0, 1, false, sink);
  CHECK_EQ(failed, torn);
  CHECK_EQ(error, kForbidden);
  CHECK(whole != torn);
}
