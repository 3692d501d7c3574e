#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include "harness.h"
#include "random.h"
#include "sockets/news.h"

using zerosend::Coalescer;
using zerosend::Outcome;
using zerosend::Range;

namespace zerosend {
std::ostream& operator<<(std::ostream& out, const Range& range) {
  return out << range.first << ".." << range.last << "/" << static_cast<int>(range.outcome);
}
}  // namespace zerosend

namespace {

constexpr Outcome kZc = Outcome::kZeroCopy;
constexpr Outcome kCopied = Outcome::kCopied;

std::vector<Range> take(Coalescer& coalescer, size_t max = 1000) {
  std::vector<Range> ranges(max);
  ranges.resize(coalescer.take(ranges.data(), max));
  return ranges;
}

void check_ranges(const std::vector<Range>& got, const std::vector<Range>& expected) {
  CHECK_EQ(got.size(), expected.size());
  for (size_t i = 0; i < std::min(got.size(), expected.size()); ++i) CHECK_EQ(got[i], expected[i]);
}

}  // namespace

TEST(coalescer_is_empty_until_something_arrives) {
  Coalescer coalescer;
  CHECK(coalescer.empty());
  check_ranges(take(coalescer), {});
  coalescer.add(0, kZc);
  CHECK(!coalescer.empty());
  check_ranges(take(coalescer), {{0, 0, kZc}});
  CHECK(coalescer.empty());
  check_ranges(take(coalescer), {});
}

// What latest() tells of is to be told by take() all the same, in as few ranges as without it.
TEST(coalescer_tells_of_each_id_once_before_it_is_taken) {
  Coalescer coalescer;
  uint64_t first = 99;
  uint64_t last = 99;
  CHECK(!coalescer.latest(&first, &last));
  coalescer.add(0, 2, kZc);
  CHECK(coalescer.latest(&first, &last));
  CHECK_EQ(first, 0u);
  CHECK_EQ(last, 2u);
  CHECK(!coalescer.latest(&first, &last));
  coalescer.add(3, 4, kZc);  // goes on with the range
  CHECK(coalescer.latest(&first, &last));
  CHECK_EQ(first, 3u);
  CHECK_EQ(last, 4u);
  coalescer.add(5, kCopied);
  CHECK(coalescer.latest(&first, &last));
  CHECK_EQ(first, 5u);
  CHECK_EQ(last, 5u);
  check_ranges(take(coalescer), {{0, 4, kZc}, {5, 5, kCopied}});
  CHECK(!coalescer.latest(&first, &last));
  coalescer.add(6, kCopied);
  CHECK(coalescer.latest(&first, &last));
  CHECK_EQ(first, 6u);
  CHECK_EQ(last, 6u);
  coalescer.add(7, Outcome::kRevoked);
  CHECK(!coalescer.latest(&first, &last));
  coalescer.add(8, Outcome::kFailed);
  CHECK(!coalescer.latest(&first, &last));
}

TEST(coalescer_merges_neighbours_in_order) {
  Coalescer coalescer;
  for (uint64_t id = 0; id < 1000; ++id) coalescer.add(id, kZc);
  check_ranges(take(coalescer), {{0, 999, kZc}});
}

TEST(coalescer_merges_neighbours_in_any_order) {
  std::vector<uint64_t> ids{0, 1, 2, 3, 4, 5};
  do {
    Coalescer coalescer;
    for (const uint64_t id : ids) coalescer.add(id, kZc);
    check_ranges(take(coalescer), {{0, 5, kZc}});
  } while (std::next_permutation(ids.begin(), ids.end()));
}

TEST(coalescer_merges_only_what_ended_in_the_same_way) {
  Coalescer coalescer;
  coalescer.add(0, 4, kZc);
  coalescer.add(5, 5, kCopied);
  coalescer.add(6, 9, kZc);
  check_ranges(take(coalescer), {{0, 4, kZc}, {5, 5, kCopied}, {6, 9, kZc}});
  coalescer.add(16, 19, kZc);
  coalescer.add(15, 15, kCopied);
  coalescer.add(10, 14, kZc);
  check_ranges(take(coalescer), {{10, 14, kZc}, {15, 15, kCopied}, {16, 19, kZc}});
}

TEST(coalescer_keeps_a_gap) {
  Coalescer coalescer;
  coalescer.add(0, 3, kZc);
  coalescer.add(5, 8, kZc);
  check_ranges(take(coalescer), {{0, 3, kZc}, {5, 8, kZc}});
}

TEST(coalescer_closes_a_gap_that_is_filled_late) {
  Coalescer coalescer;
  coalescer.add(0, 3, kZc);
  coalescer.add(5, 8, kZc);
  coalescer.add(4, kZc);
  check_ranges(take(coalescer), {{0, 8, kZc}});
}

TEST(coalescer_gives_ranges_in_order_of_their_ids) {
  Coalescer coalescer;
  coalescer.add(40, 49, kZc);
  coalescer.add(0, 9, kCopied);
  coalescer.add(20, 29, Outcome::kInline);
  check_ranges(take(coalescer), {{0, 9, kCopied}, {20, 29, Outcome::kInline}, {40, 49, kZc}});
}

TEST(coalescer_is_taken_in_portions) {
  Coalescer coalescer;
  for (uint64_t id = 0; id < 10; ++id) coalescer.add(id, id % 2 ? kCopied : kZc);
  check_ranges(take(coalescer, 0), {});
  check_ranges(take(coalescer, 3), {{0, 0, kZc}, {1, 1, kCopied}, {2, 2, kZc}});
  CHECK(!coalescer.empty());
  check_ranges(take(coalescer, 1), {{3, 3, kCopied}});
  check_ranges(
      take(coalescer, 6),
      {{4, 4, kZc}, {5, 5, kCopied}, {6, 6, kZc}, {7, 7, kCopied}, {8, 8, kZc}, {9, 9, kCopied}});
  CHECK(coalescer.empty());
}

TEST(coalescer_does_not_merge_into_what_was_taken) {
  Coalescer coalescer;
  coalescer.add(0, 0, kZc);
  coalescer.add(2, 2, kZc);
  check_ranges(take(coalescer, 1), {{0, 0, kZc}});
  coalescer.add(1, 1, kZc);  // between a range that is gone and one that waits
  check_ranges(take(coalescer), {{1, 2, kZc}});
}

TEST(coalescer_merges_with_what_a_portion_left) {
  Coalescer coalescer;
  coalescer.add(0, kZc);
  coalescer.add(1, kCopied);
  check_ranges(take(coalescer, 1), {{0, 0, kZc}});
  coalescer.add(2, kCopied);
  check_ranges(take(coalescer), {{1, 2, kCopied}});
}

TEST(coalescer_holds_ids_past_2_to_the_32) {
  const uint64_t wrap = uint64_t{1} << 32;
  Coalescer coalescer;
  coalescer.add(wrap, wrap + 9, kZc);
  coalescer.add(wrap - 10, wrap - 1, kZc);
  check_ranges(take(coalescer), {{wrap - 10, wrap + 9, kZc}});
}

// Whatever arrives in whatever order: what is taken is the start of the shortest list of ranges
// that covers what is pending.
TEST(coalescer_agrees_with_a_map_of_ids) {
  harness::Random random("coalescer_agrees_with_a_map_of_ids");
  for (const uint64_t start : {uint64_t{0}, (uint64_t{1} << 32) - 5000, uint64_t{1} << 40}) {
    Coalescer coalescer;
    std::map<uint64_t, Outcome> pending;
    uint64_t next = start;  // ids below have been used
    std::vector<uint64_t> held_back;
    for (int step = 0; step < 20'000; ++step) {
      if (random.percent(60)) {
        const auto outcome = static_cast<Outcome>(random.below(5) / 2);
        uint64_t first = next;
        uint64_t last = first + random.below(6);
        if (!held_back.empty() && random.percent(30)) {
          const size_t at = random.below(held_back.size());
          first = last = held_back[at];
          held_back.erase(held_back.begin() + static_cast<std::ptrdiff_t>(at));
        } else {
          next = last + 1;
          // An id that is skipped now arrives late.
          if (random.percent(30)) held_back.push_back(next++);
        }
        coalescer.add(first, last, outcome);
        for (uint64_t id = first; id <= last; ++id) pending.emplace(id, outcome);
      } else {
        const size_t max = random.below(8);
        const std::vector<Range> taken = take(coalescer, max);
        for (const Range& range : taken) {
          REQUIRE(!pending.empty());
          CHECK_EQ(range.first, pending.begin()->first);
          // Exactly the longest run there is.
          uint64_t id = range.first;
          while (!pending.empty() && pending.begin()->first == id &&
                 pending.begin()->second == range.outcome) {
            pending.erase(pending.begin());
            ++id;
          }
          CHECK_EQ(range.last, id - 1);
        }
        // As many as were asked for, unless there are no more.
        if (taken.size() < max) CHECK(pending.empty());
      }
      CHECK_EQ(coalescer.empty(), pending.empty());
    }
  }
}
