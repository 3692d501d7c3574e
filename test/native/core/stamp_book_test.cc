#include "core/stamp_book.h"

#include <cstdint>
#include <memory>

#include "harness.h"

using zerosend::StampBook;

namespace {

uint64_t id_of(StampBook& book, uint32_t key) {
  const StampBook::Entry* entry = book.find(key);
  return entry == nullptr ? UINT64_MAX : entry->id;
}

}  // namespace

TEST(stamp_book_finds_nothing_at_first) {
  const auto book = std::make_unique<StampBook>();
  CHECK(book->find(0) == nullptr);
}

TEST(stamp_book_finds_sends_by_key_in_any_order) {
  const auto book = std::make_unique<StampBook>();
  // The keys of a stream: positions of last bytes.
  for (uint32_t i = 0; i < 100; ++i) book->add(1000 * i + 999, i, {5 * i, 0});
  for (uint32_t i = 0; i < 100; ++i) CHECK_EQ(id_of(*book, 1000 * i + 999), i);
  for (uint32_t i = 100; i-- > 0;) CHECK_EQ(id_of(*book, 1000 * i + 999), i);
  REQUIRE(book->find(7999) != nullptr);
  CHECK_EQ(book->find(7999)->sent.real, 35u);
  CHECK(book->find(8000) == nullptr);
  CHECK_EQ(id_of(*book, 999), 0u);  // a miss does not lose the place
}

TEST(stamp_book_finds_a_send_again) {
  const auto book = std::make_unique<StampBook>();
  for (uint32_t i = 0; i < 10; ++i) book->add(i, i, {});
  for (int stage = 0; stage < 3; ++stage) CHECK_EQ(id_of(*book, 4), 4u);
}

TEST(stamp_book_remembers_the_latest_4096_sends) {
  const auto book = std::make_unique<StampBook>();
  const uint32_t start = 0xffff'f000;  // the keys wrap on the way
  for (uint32_t i = 0; i < 10'000; ++i) book->add(start + i, 1'000'000 + i, {});
  for (uint32_t i = 10'000 - 4096; i < 10'000; ++i)
    CHECK_EQ(id_of(*book, start + i), 1'000'000 + i);
  CHECK(book->find(start + 10'000 - 4097) == nullptr);
  CHECK(book->find(start + 10'000) == nullptr);
}
