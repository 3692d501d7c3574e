#include "os/slab.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "harness.h"
#include "memory.h"
#include "seam.h"

using harness::all_are;
using harness::FailNext;
using harness::kPage;
using harness::Reader;
using zerosend::HugePages;
using zerosend::Slab;
using zerosend::sys;
using zerosend::Syscalls;

namespace {

constexpr size_t kHugePage = size_t{2} << 20;

struct Advice {
  uint8_t* address;
  size_t length;
  int advice;
};
std::vector<Advice> advices;
int huge_page_answer = 0;

// Stands in for madvise, and notes what the kernel was asked for.
int note_advice(void* address, size_t length, int advice) {
  advices.push_back({static_cast<uint8_t*>(address), length, advice});
  if (advice == MADV_HUGEPAGE && huge_page_answer != 0) {
    errno = huge_page_answer;
    return -1;
  }
  return ::madvise(address, length, advice);
}

class NotedAdvice {
 public:
  explicit NotedAdvice(int answer = 0) : before_(sys.madvise) {
    advices.clear();
    huge_page_answer = answer;
    sys.madvise = note_advice;
  }
  ~NotedAdvice() { sys.madvise = before_; }

  // Whether the whole of the slab was covered by this advice.
  static bool covers(const Slab& slab, int advice) {
    return std::any_of(advices.begin(), advices.end(), [&](const Advice& one) {
      return one.advice == advice && one.address <= slab.data() &&
             one.address + one.length >= slab.data() + slab.size();
    });
  }
  static bool given(int advice) {
    return std::any_of(advices.begin(), advices.end(),
                       [&](const Advice& one) { return one.advice == advice; });
  }

 private:
  int (*before_)(void*, size_t, int);
};

std::shared_ptr<Slab> make(size_t slot_size, uint32_t slots,
                           HugePages huge = HugePages::kTransparent) {
  int error = 0;
  std::shared_ptr<Slab> slab = Slab::create(slot_size, slots, huge, &error);
  CHECK_EQ(error, 0);
  return slab;
}

void fill_each(const Slab& slab) {
  for (uint32_t i = 0; i < slab.slots(); ++i) {
    std::memset(slab.slot(i), static_cast<int>(i % 251), slab.slot_size());
  }
}

// Every slot but one as fill_each left it.
void check_each(const Slab& slab, uint32_t except = UINT32_MAX) {
  for (uint32_t i = 0; i < slab.slots(); ++i) {
    if (i == except) continue;
    CHECK(all_are(slab.slot(i), slab.slot_size(), static_cast<uint8_t>(i % 251)));
  }
}

}  // namespace

TEST(slab_lays_its_slots_side_by_side_from_a_huge_page_boundary) {
  for (const HugePages huge : {HugePages::kTransparent, HugePages::kNone}) {
    // Several at once, so that luck with the address of one is not enough.
    std::vector<std::shared_ptr<Slab>> slabs;
    for (const size_t slot_size : {kPage, 3 * kPage, size_t{65536}, kHugePage + kPage}) {
      slabs.push_back(make(slot_size, 7, huge));
      const Slab& slab = *slabs.back();
      CHECK_EQ(reinterpret_cast<uintptr_t>(slab.data()) % kHugePage, 0u);
      CHECK_EQ(slab.slot_size(), slot_size);
      CHECK_EQ(slab.slots(), 7u);
      CHECK_EQ(slab.size(), 7 * slot_size);
      for (uint32_t i = 0; i < 7; ++i) CHECK(slab.slot(i) == slab.data() + i * slot_size);
      fill_each(slab);
      check_each(slab);
    }
  }
}

TEST(slab_starts_with_zeros) {
  const auto slab = make(kPage, 100);
  CHECK(all_are(slab->data(), slab->size(), 0));
}

TEST(slab_asks_for_huge_pages_over_its_whole_length) {
  {
    const NotedAdvice noted;
    const auto slab = make(65536, 100);
    CHECK(NotedAdvice::covers(*slab, MADV_HUGEPAGE));
    CHECK(!NotedAdvice::given(MADV_NOHUGEPAGE));
    CHECK_EQ(slab->huge_page_error(), 0);
  }
  const NotedAdvice noted;
  const auto slab = make(65536, 100, HugePages::kNone);
  CHECK(NotedAdvice::covers(*slab, MADV_NOHUGEPAGE));
  CHECK(!NotedAdvice::given(MADV_HUGEPAGE));
}

TEST(slab_does_without_huge_pages_where_they_are_refused) {
  const NotedAdvice noted(EINVAL);
  const auto slab = make(kPage, 10);
  REQUIRE(slab != nullptr);
  CHECK_EQ(slab->huge_page_error(), EINVAL);
  fill_each(*slab);
  check_each(*slab);
}

TEST(slab_is_not_shared_with_child_processes) {
  const NotedAdvice noted;
  const auto slab = make(65536, 100);
  CHECK(NotedAdvice::covers(*slab, MADV_DONTFORK));
  // Nor is what takes the place of a slot.
  advices.clear();
  CHECK_EQ(slab->replace_pages(3), 0);
  CHECK(NotedAdvice::given(MADV_DONTFORK));
}

TEST(slab_refuses_what_it_cannot_map) {
  struct Bad {
    size_t slot_size;
    uint32_t slots;
    int error;
  };
  for (const Bad& bad :
       {Bad{0, 1, EINVAL}, Bad{kPage, 0, EINVAL}, Bad{SIZE_MAX / kPage * kPage, 1, EINVAL},
        Bad{size_t{1} << 40, UINT32_MAX, EINVAL}, Bad{size_t{1} << 45, 256, ENOMEM}}) {
    for (const HugePages huge : {HugePages::kTransparent, HugePages::kExplicit, HugePages::kNone}) {
      int error = 0;
      CHECK(Slab::create(bad.slot_size, bad.slots, huge, &error) == nullptr);
      CHECK_EQ(error, bad.error);
    }
  }
  const FailNext fail(&Syscalls::mmap, EAGAIN);
  int error = 0;
  CHECK(Slab::create(kPage, 1, HugePages::kTransparent, &error) == nullptr);
  CHECK_EQ(error, EAGAIN);
}

TEST(slab_unmaps_everything_at_its_end) {
  const uint8_t* address = nullptr;
  {
    auto slab = make(kPage, 600);  // more than one huge page, and not a multiple
    address = slab->data();
    fill_each(*slab);
    CHECK(harness::is_mapped(address, 600 * kPage));
    for (const uint32_t index : {0u, 17u, 599u}) CHECK_EQ(slab->replace_pages(index), 0);
    // Whoever holds it keeps it mapped.
    const std::shared_ptr<Slab> send = slab;
    slab = nullptr;
    CHECK(harness::is_mapped(address, 600 * kPage));
    CHECK(all_are(send->slot(599), kPage, 599 % 251));
  }
  for (size_t at = 0; at < 2 * kHugePage; at += kPage) {
    if (harness::is_mapped(address + at, kPage)) {
      harness::Fail(__FILE__, __LINE__, "a page is still mapped");
      break;
    }
  }
}

TEST(slab_leaves_nothing_mapped_around_it) {
  make(kPage, 513);
  const size_t before = harness::mapped_bytes();
  for (uint32_t i = 0; i < 64; ++i) make(kPage * (1 + i % 3), 513);
  // The allocator of the test program maps a little now and then; a slab has 2 MiB around it.
  CHECK(harness::mapped_bytes() < before + 16 * kHugePage);
}

// New kernels place large mappings at huge-page boundaries by themselves, older ones anywhere.
TEST(slab_is_aligned_wherever_the_kernel_maps) {
  auto* const real = std::exchange(
      sys.mmap,
      [](void* at, size_t length, int protection, int flags, int fd, off_t offset) -> void* {
        auto* start =
            static_cast<uint8_t*>(::mmap(at, length + 3 * kPage, protection, flags, fd, offset));
        ::munmap(start, 3 * kPage);
        return start + 3 * kPage;
      });
  const auto slab = make(kPage, 600);
  sys.mmap = real;
  CHECK_EQ(reinterpret_cast<uintptr_t>(slab->data()) % kHugePage, 0u);
  fill_each(*slab);
  check_each(*slab);
}

TEST(replace_pages_parts_one_slot_from_the_kernel) {
  for (const HugePages huge : {HugePages::kTransparent, HugePages::kNone}) {
    const auto slab = make(4 * kPage, 64, huge);
    for (const uint32_t index : {0u, 31u, 63u}) {
      fill_each(*slab);
      const auto old = static_cast<uint8_t>(index);
      Reader kernel;
      Reader neighbour;
      kernel.hold(slab->slot(index), slab->slot_size());
      const uint32_t other = index == 63 ? 62 : index + 1;
      neighbour.hold(slab->slot(other), slab->slot_size());

      CHECK_EQ(slab->replace_pages(index), 0);
      check_each(*slab);  // the same content, in this slot and all others
      std::memset(slab->slot(index), 0xee, slab->slot_size());
      check_each(*slab, index);
      CHECK(kernel.sees_only(old));

      // The neighbour was not parted: it is what it was.
      std::memset(slab->slot(other), 0xdd, slab->slot_size());
      CHECK(neighbour.sees_only(0xdd));
    }
  }
}

// A view of the user's on the slab, sent as a plain array, knows nothing of slots.
TEST(replace_pages_parts_all_slots_that_the_bytes_touch) {
  const auto slab = make(2 * kPage, 10);
  struct Piece {
    size_t offset;
    size_t length;
    uint32_t first;  // slots
    uint32_t last;
  };
  for (const Piece& piece : {Piece{0, 1, 0, 0}, Piece{2 * kPage - 1, 2, 0, 1},
                             Piece{3 * kPage, 2 * kPage, 1, 2}, Piece{10 * kPage, 4 * kPage, 5, 6},
                             Piece{19 * kPage + 4095, 1, 9, 9}, Piece{0, 20 * kPage, 0, 9}}) {
    fill_each(*slab);
    std::vector<std::unique_ptr<Reader>> kernel;
    for (uint32_t i = 0; i < slab->slots(); ++i) {
      kernel.push_back(std::make_unique<Reader>());
      kernel.back()->hold(slab->slot(i), slab->slot_size());
    }
    CHECK_EQ(slab->replace_pages(slab->data() + piece.offset, piece.length), 0);
    check_each(*slab);
    std::memset(slab->data(), 0xee, slab->size());
    for (uint32_t i = 0; i < slab->slots(); ++i) {
      const bool parted = i >= piece.first && i <= piece.last;
      CHECK(kernel[i]->sees_only(parted ? static_cast<uint8_t>(i) : 0xee));
    }
  }
}

TEST(slab_knows_its_own_bytes) {
  const auto slab = make(kPage, 100);  // the mapping is larger, up to a huge page
  CHECK(slab->contains(slab->data()));
  CHECK(slab->contains(slab->data() + slab->size() - 1));
  CHECK(!slab->contains(slab->data() + slab->size()));
  CHECK(!slab->contains(slab->data() - 1));
}

TEST(adopted_memory_is_laid_out_as_it_is_and_never_replaced) {
  void* memory =
      ::mmap(nullptr, 4 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  auto* base = static_cast<uint8_t*>(memory);
  {
    const auto slab = Slab::adopt(base, 4 * kPage, 2048, 32, 2016, 8);
    CHECK(slab->data() == base);
    CHECK_EQ(slab->slots(), 8u);
    CHECK_EQ(slab->slot_size(), 2016u);
    CHECK_EQ(slab->size(), 8u * 2048);
    CHECK(slab->slot(0) == base + 32);
    CHECK(slab->slot(7) == base + 7 * 2048 + 32);
    CHECK_EQ(slab->replace_pages(0), EOPNOTSUPP);
  }
  CHECK(!harness::is_mapped(base, kPage));
}

TEST(replace_pages_can_be_repeated_for_ever) {
  const auto slab = make(2 * kPage, 300);
  fill_each(*slab);
  for (uint32_t i = 0; i < slab->slots(); ++i) CHECK_EQ(slab->replace_pages(i), 0);
  const size_t mappings = harness::count_mappings();
  for (int round = 0; round < 20; ++round) {
    for (uint32_t i = 0; i < slab->slots(); ++i) CHECK_EQ(slab->replace_pages(i), 0);
  }
  CHECK_EQ(harness::count_mappings(), mappings);
  check_each(*slab);
}

// Two sends of one slot, one after the other, both stuck in the kernel: each keeps its own content.
TEST(replace_pages_keeps_every_earlier_content_apart) {
  const auto slab = make(kPage, 4);
  std::vector<std::unique_ptr<Reader>> sends;
  for (uint8_t value = 1; value <= 20; ++value) {
    std::memset(slab->slot(2), value, kPage);
    sends.push_back(std::make_unique<Reader>());
    sends.back()->hold(slab->slot(2), kPage);
    CHECK_EQ(slab->replace_pages(2), 0);
  }
  std::memset(slab->slot(2), 99, kPage);
  for (uint8_t value = 1; value <= 20; ++value) CHECK(sends[value - 1u]->sees_only(value));
}

TEST(replace_pages_says_when_there_is_no_memory) {
  const auto slab = make(kPage, 4);
  fill_each(*slab);
  const FailNext fail(&Syscalls::mmap, ENOMEM);
  CHECK_EQ(slab->replace_pages(1), ENOMEM);
  check_each(*slab);
  CHECK_EQ(slab->replace_pages(1), 0);
}

// The poller thread may read the slot meanwhile: it sees the same bytes before and after.
TEST(replace_pages_is_seen_by_no_reader) {
  const auto slab = make(16 * kPage, 3);
  fill_each(*slab);
  std::memset(slab->slot(1), 0x5a, slab->slot_size());
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> rounds{0};
  std::atomic<uint64_t> wrong{0};
  std::thread reader([&] {
    const volatile uint8_t* bytes = slab->slot(1);
    while (!stop) {
      for (size_t i = 0; i < slab->slot_size(); i += 64) {
        if (bytes[i] != 0x5a) ++wrong;
      }
      ++rounds;
    }
  });
  for (int i = 0; i < 2000 || rounds < 100; ++i) CHECK_EQ(slab->replace_pages(1), 0);
  stop = true;
  reader.join();
  CHECK_EQ(wrong.load(), 0u);
}

// Reserved huge pages are there only where an administrator has set some aside.
TEST(slab_takes_reserved_huge_pages_or_says_that_there_are_none) {
  int error = 0;
  const auto slab = Slab::create(65536, 32, HugePages::kExplicit, &error);
  if (slab == nullptr) {
    CHECK_EQ(error, ENOMEM);
    return;
  }
  fill_each(*slab);
  CHECK_EQ(slab->replace_pages(5), 0);
  check_each(*slab);
  std::memset(slab->slot(5), 0xee, slab->slot_size());
  check_each(*slab, 5);
}
