#include "kernel/slab.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

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
#include "kernel/mapping_budget.h"
#include "kernel/slot_replacement.h"
#include "memory.h"
#include "seam.h"

using harness::all_are;
using harness::FailNext;
using harness::kPage;
using harness::Reader;
using zerosend::Failure;
using zerosend::GivenUp;
using zerosend::HugePages;
using zerosend::MappingBudget;
using zerosend::Slab;
using zerosend::SlotReplacement;
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
  std::shared_ptr<Slab> slab;
  CHECK_EQ(Slab::create(slot_size, slots, huge, &slab).error, 0);
  return slab;
}

void fill_each(const Slab& slab) {
  for (uint32_t i = 0; i < slab.slots(); ++i) {
    std::memset(slab.slot(i), static_cast<int>(i % 251), slab.slot_size());
  }
}

// Gives up all slots that the bytes touch. Returns 0, or the errno of one that failed.
int replace_pages(Slab& slab, const uint8_t* data, size_t length) {
  SlotReplacement replacement;
  replacement.add(&slab, data, length);
  replacement.run();
  return replacement.error_of(&slab, data, length);
}

int replace_pages(Slab& slab, uint32_t index) {
  return replace_pages(slab, slab.slot(index), slab.slot_size());
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
  CHECK_EQ(replace_pages(*slab, 3), 0);
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
      std::shared_ptr<Slab> slab;
      CHECK_EQ(Slab::create(bad.slot_size, bad.slots, huge, &slab).error, bad.error);
      CHECK(slab == nullptr);
    }
  }
  const FailNext fail(&Syscalls::mmap, EAGAIN);
  std::shared_ptr<Slab> slab;
  CHECK_EQ(Slab::create(kPage, 1, HugePages::kTransparent, &slab).error, EAGAIN);
  CHECK(slab == nullptr);
}

TEST(slab_unmaps_everything_at_its_end) {
  const uint8_t* address = nullptr;
  {
    auto slab = make(kPage, 600);  // more than one huge page, and not a multiple
    address = slab->data();
    fill_each(*slab);
    CHECK(harness::is_mapped(address, 600 * kPage));
    for (const uint32_t index : {0u, 17u, 599u}) CHECK_EQ(replace_pages(*slab, index), 0);
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

      CHECK_EQ(replace_pages(*slab, index), 0);
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
    CHECK_EQ(replace_pages(*slab, slab->data() + piece.offset, piece.length), 0);
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
    CHECK_EQ(replace_pages(*slab, 0), EOPNOTSUPP);
  }
  CHECK(!harness::is_mapped(base, kPage));
}

TEST(replace_pages_can_be_repeated_for_ever) {
  const auto slab = make(2 * kPage, 300);
  fill_each(*slab);
  for (uint32_t i = 0; i < slab->slots(); ++i) CHECK_EQ(replace_pages(*slab, i), 0);
  const auto of_slab = [&] { return harness::count_mappings(slab->data(), slab->size()); };
  const size_t before = of_slab();
  const size_t all = harness::count_mappings();
  for (int round = 0; round < 20; ++round) {
    for (uint32_t i = 0; i < slab->slots(); ++i) CHECK_EQ(replace_pages(*slab, i), 0);
  }
  CHECK_EQ(of_slab(), before);
  // Six thousand replacements.
  CHECK(harness::count_mappings() <= all + harness::kStrayMappings);
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
    CHECK_EQ(replace_pages(*slab, 2), 0);
  }
  std::memset(slab->slot(2), 99, kPage);
  for (uint8_t value = 1; value <= 20; ++value) CHECK(sends[value - 1u]->sees_only(value));
}

TEST(replace_pages_says_when_there_is_no_memory) {
  const auto slab = make(kPage, 4);
  fill_each(*slab);
  const FailNext fail(&Syscalls::mmap, ENOMEM);
  CHECK_EQ(replace_pages(*slab, 1), ENOMEM);
  check_each(*slab);
  CHECK_EQ(replace_pages(*slab, 1), 0);
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
  for (int i = 0; i < 2000 || rounds < 100; ++i) CHECK_EQ(replace_pages(*slab, 1), 0);
  stop = true;
  reader.join();
  CHECK_EQ(wrong.load(), 0u);
}

// ---- what may be replaced, and in what unit
// ------------------------------------------------------

namespace {

// Reserved huge pages are there only where an administrator has set some aside: ordinary memory at
// the same boundary stands in for them.
void* map_without_reserve(void* at, size_t length, int protection, int flags, int fd,
                          off_t offset) {
  if (!(flags & MAP_HUGETLB)) return ::mmap(at, length, protection, flags, fd, offset);
  void* raw = ::mmap(nullptr, length + kHugePage, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  auto* start = static_cast<uint8_t*>(raw);
  const size_t past = reinterpret_cast<uintptr_t>(raw) % kHugePage;
  const size_t head = past == 0 ? 0 : kHugePage - past;
  if (head > 0) ::munmap(start, head);
  ::munmap(start + head + length, kHugePage - head);
  return start + head;
}

std::shared_ptr<Slab> make_explicit(size_t slot_size, uint32_t slots) {
  const auto real = std::exchange(sys.mmap, map_without_reserve);
  std::shared_ptr<Slab> slab = make(slot_size, slots, HugePages::kExplicit);
  sys.mmap = real;
  return slab;
}

// What became of each slot, as an errno; -1 where nothing was said.
std::vector<int> give_up(Slab& slab, uint32_t first, uint32_t count) {
  std::vector<GivenUp> given_up;
  slab.replace_slots(first, count, &given_up);
  std::vector<int> errors(slab.slots(), -1);
  for (const GivenUp& piece : given_up) {
    for (uint32_t i = 0; i < piece.count; ++i) {
      CHECK_EQ(errors[piece.first + i], -1);  // once
      errors[piece.first + i] = piece.error;
    }
  }
  for (uint32_t i = 0; i < slab.slots(); ++i) {
    CHECK_EQ(errors[i] == -1, i < first || i >= first + count);
  }
  return errors;
}

const char* map_count = "";
int open_with_map_count(const char* path, int flags) {
  if (std::strcmp(path, "/proc/sys/vm/max_map_count") != 0) return ::open(path, flags);
  const int fd = ::memfd_create("count", MFD_CLOEXEC);
  CHECK_EQ(::pwrite(fd, map_count, std::strlen(map_count), 0),
           static_cast<ssize_t>(std::strlen(map_count)));
  return fd;
}

// As if vm.max_map_count were this.
class MapCount {
 public:
  explicit MapCount(const char* count) : real_(std::exchange(sys.open, open_with_map_count)) {
    map_count = count;
  }
  ~MapCount() { sys.open = real_; }

 private:
  int (*real_)(const char*, int);
};

// How many mappings are taken of the budget: what is missing when all that is left has been taken.
size_t mappings_taken() {
  const MapCount count("262140\n");  // a quarter of which is 65535
  std::ptrdiff_t left = 0;
  for (std::ptrdiff_t more = 32768; more > 0; more /= 2) {
    if (MappingBudget::take(more)) left += more;
  }
  MappingBudget::take(-left);
  return static_cast<size_t>(65535 - left);
}

}  // namespace

TEST(memory_that_is_shared_with_the_kernel_is_never_replaced) {
  const auto slab = make(2048, 8);
  CHECK(!slab->shared_with_kernel());
  slab->share_with_kernel();
  fill_each(*slab);
  Reader kernel;
  kernel.hold(slab->slot(2), 2048);
  CHECK_EQ(replace_pages(*slab, 2), EOPNOTSUPP);
  CHECK_EQ(replace_pages(*slab, slab->data(), slab->size()), EOPNOTSUPP);
  std::memset(slab->slot(2), 0xee, 2048);
  check_each(*slab, 2);
  CHECK(kernel.sees_only(0xee));
}

// Half pages: the chunks of a UMEM before it is registered, or a page of 64 KiB.
TEST(slots_that_share_a_page_are_replaced_together_or_not_at_all) {
  const auto slab = make(2048, 5);
  fill_each(*slab);
  CHECK_EQ(replace_pages(*slab, 0), EBUSY);
  CHECK_EQ(replace_pages(*slab, 1), EBUSY);
  check_each(*slab);
  CHECK(give_up(*slab, 1, 3) == (std::vector<int>{-1, EBUSY, 0, 0, -1}));
  check_each(*slab);
  Reader kernel[2];
  kernel[0].hold(slab->slot(2), 2 * 2048);
  kernel[1].hold(slab->slot(4), 2048);
  CHECK(give_up(*slab, 2, 3) == (std::vector<int>{-1, -1, 0, 0, 0}));  // nobody has the last half
  check_each(*slab);
  std::memset(slab->slot(2), 0xee, 3 * 2048);
  const std::vector<uint8_t> seen = kernel[0].read();
  CHECK(all_are(seen.data(), 2048, 2) && all_are(seen.data() + 2048, 2048, 3));
  CHECK(kernel[1].sees_only(4));
}

TEST(reserved_huge_pages_are_replaced_whole_or_not_at_all) {
  const auto slab = make_explicit(65536, 80);  // two and a half huge pages
  fill_each(*slab);
  for (const uint32_t one : {0u, 31u, 32u, 79u}) CHECK_EQ(replace_pages(*slab, one), EBUSY);
  check_each(*slab);
  const std::vector<int> errors = give_up(*slab, 10, 70);
  for (uint32_t i = 10; i < 80; ++i) CHECK_EQ(errors[i], i < 32 ? EBUSY : 0);
  check_each(*slab);
  // Slots that have huge pages to themselves can be given up one by one.
  const auto large = make_explicit(2 * kHugePage, 3);
  std::memset(large->data(), 1, large->size());
  Reader kernel;
  kernel.hold(large->slot(1), 4 * kPage);
  CHECK_EQ(replace_pages(*large, 1), 0);
  std::memset(large->slot(1), 2, large->slot_size());
  CHECK(kernel.sees_only(1));
  // Others are in part in a page with somebody else.
  const auto odd = make_explicit(kHugePage / 2 * 3, 4);
  CHECK(give_up(*odd, 0, 1) == (std::vector<int>{EBUSY, -1, -1, -1}));
  CHECK(give_up(*odd, 0, 2) == (std::vector<int>{0, 0, -1, -1}));
  CHECK(give_up(*odd, 1, 2) == (std::vector<int>{-1, EBUSY, EBUSY, -1}));
}

// A file is read into one buffer, on a thread of its own, while its neighbour is given up.
TEST(giving_up_a_slot_undoes_nothing_that_is_written_to_others) {
  for (const bool huge : {false, true}) {
    const auto slab = huge ? make_explicit(65536, 32) : make(65536, 32);
    std::atomic<bool> stop{false};
    std::atomic<uint64_t> rounds{0};
    std::atomic<uint64_t> lost{0};
    std::thread writer([&] {
      volatile uint8_t* const bytes = slab->slot(7);
      uint8_t value = 0;
      for (; !stop; ++rounds) {
        ++value;
        for (size_t i = 0; i < slab->slot_size(); ++i) bytes[i] = value;
        bool wrong = false;
        for (size_t i = 0; i < slab->slot_size(); ++i) wrong = wrong || bytes[i] != value;
        if (wrong) ++lost;
      }
    });
    for (int i = 0; i < 500 || rounds < 100; ++i) {
      replace_pages(*slab, 6u);
      replace_pages(*slab, 8u);
    }
    stop = true;
    writer.join();
    CHECK_EQ(lost.load(), 0u);
  }
}

TEST(neighbours_that_are_given_up_together_are_one_mapping) {
  const auto slab = make(kPage, 4000);
  const auto mappings = [&] { return harness::count_mappings(slab->data(), slab->size()); };
  fill_each(*slab);
  CHECK_EQ(mappings(), 1u);
  give_up(*slab, 1000, 2000);
  CHECK_EQ(mappings(), 3u);
  CHECK_EQ(mappings_taken(), 2u);
  check_each(*slab);
  give_up(*slab, 1500, 10);
  CHECK_EQ(mappings(), 5u);
  CHECK_EQ(mappings_taken(), 4u);
  give_up(*slab, 0, 1000);  // the border behind it is there already
  CHECK_EQ(mappings(), 5u);
  CHECK_EQ(mappings_taken(), 4u);
  give_up(*slab, 0, 4000);
  CHECK_EQ(mappings(), 1u);
  CHECK(mappings_taken() <= 1);  // what is behind the last slot, up to a huge page
  check_each(*slab);
}

TEST(replace_pages_counts_each_mapping_that_it_adds) {
  {
    const auto slab = make(kPage, 2048);
    const auto mappings = [&] { return harness::count_mappings(slab->data(), slab->size()); };
    for (uint32_t i = 0; i < 2048; i += 3) CHECK_EQ(replace_pages(*slab, i), 0);
    CHECK_EQ(mappings(), 1 + mappings_taken());
    for (uint32_t i = 1; i < 2048; i += 3) CHECK_EQ(replace_pages(*slab, i), 0);
    CHECK_EQ(mappings(), 1 + mappings_taken());
    const size_t before = mappings_taken();
    const FailNext fail(&Syscalls::remap, ENOMEM);
    CHECK_EQ(replace_pages(*slab, 500), ENOMEM);
    CHECK_EQ(mappings_taken(), before);
  }
  CHECK_EQ(mappings_taken(), 0u);
}

TEST(replace_pages_leaves_most_mappings_to_the_process) {
  const MapCount count("400\n");  // a quarter of which is 100
  const auto slab = make(kPage, 600);
  const auto other = make(kPage, 600);
  fill_each(*slab);
  for (uint32_t i = 1; i < 81; i += 2)
    CHECK_EQ(replace_pages(*slab, i), 0);  // 2 each, and 80 borders
  for (uint32_t i = 1; i < 21; i += 2)
    CHECK_EQ(replace_pages(*other, i), 0);  // of all slabs together
  const auto mappings = [&] {
    return harness::count_mappings(slab->data(), slab->size()) +
           harness::count_mappings(other->data(), other->size());
  };
  const size_t before = mappings();
  for (uint32_t i = 100; i < 600; i += 2) CHECK_EQ(replace_pages(*slab, i), ENOSPC);
  CHECK(give_up(*slab, 300, 100)[300] == ENOSPC);
  CHECK_EQ(mappings(), before);
  check_each(*slab);
  // What adds none is done all the same.
  CHECK_EQ(replace_pages(*slab, 1), 0);
  CHECK_EQ(replace_pages(*slab, slab->slot(1), 79 * kPage), 0);
  // And there is room again.
  CHECK_EQ(replace_pages(*slab, 400), 0);
}

TEST(replace_slots_does_what_it_can_where_memory_is_short) {
  const auto slab = make(kPage, 16);
  fill_each(*slab);
  const FailNext fail(&Syscalls::mmap, ENOMEM);
  const std::vector<int> errors = give_up(*slab, 3, 8);
  for (uint32_t i = 3; i < 11; ++i) CHECK_EQ(errors[i], 0);
  check_each(*slab);
}

TEST(slots_of_many_sends_are_replaced_as_few_spans) {
  const auto slab = make(2 * kPage, 100);
  const auto ring = make(2 * kPage, 4);
  ring->share_with_kernel();
  fill_each(*slab);
  std::vector<std::unique_ptr<Reader>> kernel;
  SlotReplacement replacement;
  std::vector<uint32_t> given_up = {40, 41, 43, 42, 41, 90, 99, 98, 0};
  for (const uint32_t slot : given_up) {
    kernel.push_back(std::make_unique<Reader>());
    kernel.back()->hold(slab->slot(slot), 100);
    replacement.add(slab.get(), slab->slot(slot), 100);
  }
  replacement.add(slab.get(), slab->slot(20) + 2 * kPage - 1, 2);  // a view over two slots
  replacement.add(ring.get(), ring->slot(1), 10);
  replacement.run();
  // [0] [20, 21] [40 to 43] [90] [98, 99]: all but the first and the last have two borders
  CHECK_EQ(mappings_taken(), 1u + 2 + 2 + 2 + 2);
  check_each(*slab);
  std::memset(slab->data(), 0xee, slab->size());
  for (size_t i = 0; i < given_up.size(); ++i) {
    CHECK_EQ(replacement.error_of(slab.get(), slab->slot(given_up[i]), 100), 0);
    CHECK(kernel[i]->sees_only(static_cast<uint8_t>(given_up[i])));
  }
  CHECK_EQ(replacement.error_of(ring.get(), ring->slot(1), 10), EOPNOTSUPP);
}

TEST(a_send_over_slots_that_fared_differently_is_not_safe) {
  const auto slab = make_explicit(kHugePage / 2, 6);
  SlotReplacement replacement;
  replacement.add(slab.get(), slab->slot(1), 1);
  replacement.add(slab.get(), slab->slot(2), slab->slot_size() + 1);
  replacement.add(slab.get(), slab->slot(2), 1);
  replacement.run();
  CHECK_EQ(replacement.error_of(slab.get(), slab->slot(1), 1), EBUSY);
  CHECK_EQ(replacement.error_of(slab.get(), slab->slot(2), slab->slot_size() + 1), 0);
  CHECK_EQ(replacement.error_of(slab.get(), slab->slot(1), slab->slot_size() + 1), EBUSY);
}

// Reserved huge pages are there only where an administrator has set some aside.
TEST(slab_takes_reserved_huge_pages_or_says_that_there_are_none) {
  std::shared_ptr<Slab> slab;
  const Failure failed = Slab::create(65536, 32, HugePages::kExplicit, &slab);
  if (slab == nullptr) {
    CHECK_EQ(failed.error, ENOMEM);
    return;
  }
  fill_each(*slab);
  CHECK_EQ(replace_pages(*slab, 5), EBUSY);  // its neighbours have the same page
  CHECK_EQ(replace_pages(*slab, slab->data(), slab->size()), 0);
  check_each(*slab);
  std::memset(slab->slot(5), 0xee, slab->slot_size());
  check_each(*slab, 5);
}
