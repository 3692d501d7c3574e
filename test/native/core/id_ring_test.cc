#include "core/id_ring.h"

#include <cstdint>
#include <deque>
#include <memory>

#include "harness.h"
#include "random.h"

using zerosend::IdRing;

namespace {

// Counts its own instances, so that a test sees how many slots a ring has.
struct Counted {
  static int alive;
  uint64_t value = 0;
  Counted() { ++alive; }
  explicit Counted(uint64_t v) : value(v) { ++alive; }
  Counted(const Counted& other) : value(other.value) { ++alive; }
  Counted& operator=(const Counted&) = default;
  ~Counted() { --alive; }
};
int Counted::alive = 0;

}  // namespace

TEST(id_ring_starts_empty_at_its_first_id) {
  const IdRing<int> ring(41);
  CHECK_EQ(ring.begin(), 41u);
  CHECK_EQ(ring.end(), 41u);
  CHECK(ring.empty());
  CHECK_EQ(ring.size(), 0u);
}

TEST(id_ring_has_exactly_its_window) {
  IdRing<int> ring(10);
  for (int i = 0; i < 5; ++i) CHECK_EQ(ring.push(i), 10u + static_cast<unsigned>(i));
  ring.pop_front();
  ring.pop_back();
  CHECK_EQ(ring.begin(), 11u);
  CHECK_EQ(ring.end(), 14u);
  CHECK_EQ(ring.front(), 1);
  CHECK_EQ(ring[13], 3);
}

TEST(id_ring_keeps_its_content_while_it_grows) {
  // A window that does not start at slot 0, so that growing has to move ids to other slots.
  IdRing<uint64_t> ring(0, 8);
  for (uint64_t id = 0; id < 5; ++id) ring.push(id);
  for (uint64_t id = 0; id < 5; ++id) ring.pop_front();
  for (uint64_t id = 5; id < 1000; ++id) {
    CHECK_EQ(ring.push(id * 3), id);
    CHECK_EQ(ring.front(), 15u);
  }
  for (uint64_t id = 5; id < 1000; ++id) CHECK_EQ(ring[id], id * 3);
}

TEST(id_ring_counts_past_2_to_the_32) {
  const uint64_t first = (uint64_t{1} << 32) - 3;
  IdRing<uint64_t> ring(first, 4);
  for (uint64_t i = 0; i < 10; ++i) CHECK_EQ(ring.push(i), first + i);
  for (uint64_t i = 0; i < 10; ++i) {
    CHECK_EQ(ring.begin(), first + i);
    CHECK_EQ(ring.front(), i);
    ring.pop_front();
  }
  CHECK(ring.empty());
}

TEST(id_ring_lets_go_of_what_leaves_it) {
  IdRing<std::shared_ptr<int>> ring(0);
  auto front = std::make_shared<int>(1);
  auto back = std::make_shared<int>(2);
  ring.push(front);
  ring.push(back);
  ring.pop_back();
  CHECK_EQ(back.use_count(), 1);
  ring.pop_front();
  CHECK_EQ(front.use_count(), 1);
}

TEST(id_ring_allocates_only_when_its_window_outgrows_it) {
  const int before = Counted::alive;
  {
    IdRing<Counted> ring(0, 16);
    CHECK_EQ(Counted::alive - before, 16);
    for (uint64_t i = 0; i < 100'000; ++i) {
      ring.push(Counted(i));
      if (ring.size() == 16) ring.pop_front();
    }
    CHECK_EQ(Counted::alive - before, 16);
    while (ring.size() < 16) ring.push(Counted(0));
    CHECK_EQ(Counted::alive - before, 16);
    ring.push(Counted(0));
    CHECK_EQ(Counted::alive - before, 32);
  }
  CHECK_EQ(Counted::alive, before);
}

TEST(id_ring_agrees_with_a_deque) {
  harness::Random random("id_ring_agrees_with_a_deque");
  for (const uint64_t first : {uint64_t{0}, uint64_t{0xffff'fff0}, uint64_t{1} << 40}) {
    IdRing<uint64_t> ring(first, 2);
    std::deque<uint64_t> model;
    uint64_t begin = first;
    for (int step = 0; step < 20'000; ++step) {
      const uint64_t choice = random.below(10);
      // Grows for a thousand steps, shrinks for the next thousand.
      const bool growing = (step / 1000) % 2 == 0;
      if (model.empty() || choice < (growing ? 7u : 3u)) {
        const uint64_t value = random.below(1'000'000);
        CHECK_EQ(ring.push(value), begin + model.size());
        model.push_back(value);
      } else if (choice < 9) {
        ring.pop_front();
        model.pop_front();
        ++begin;
      } else {
        ring.pop_back();
        model.pop_back();
      }
      CHECK_EQ(ring.begin(), begin);
      CHECK_EQ(ring.size(), model.size());
      if (model.empty()) continue;
      const uint64_t at = random.below(model.size());
      CHECK_EQ(ring[begin + at], model[at]);
    }
    for (size_t i = 0; i < model.size(); ++i) CHECK_EQ(ring[begin + i], model[i]);
  }
}
