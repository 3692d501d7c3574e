#include "kernel/page_sharing.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "harness.h"
#include "kernel/page_replacement.h"
#include "memory.h"
#include "seam.h"

using harness::FailNext;
using harness::kPage;
using harness::Reader;
using zerosend::pages_of;
using zerosend::part_spans_from_kernel;
using zerosend::sys;
using zerosend::Syscalls;

namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr uint64_t kExclusive = uint64_t{1} << 56;

// Memory of our own at a huge-page boundary.
class Memory {
 public:
  explicit Memory(size_t length, int advice = MADV_NOHUGEPAGE) : length_(length) {
    mapping_ = ::mmap(nullptr, length + kHugePage, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const size_t past = reinterpret_cast<uintptr_t>(mapping_) % kHugePage;
    data_ = static_cast<uint8_t*>(mapping_) + (past == 0 ? 0 : kHugePage - past);
    ::madvise(data_, length, advice);
    fill(1);
  }
  ~Memory() { ::munmap(mapping_, length_ + kHugePage); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  uint8_t* data() const { return data_; }
  void fill(uint8_t value) { std::memset(data_, value, length_); }

 private:
  size_t length_;
  void* mapping_;
  uint8_t* data_;
};

// From then on pages of this process with a thousand references pass for pinned.
void pin_once() {
  char from = 1;
  char to = 0;
  const iovec local{&to, 1};
  const iovec remote{&from, 1};
  CHECK_EQ(::process_vm_readv(::getpid(), &local, 1, &remote, 1, 0), 1);
}

// Holds one page by many references, as many sends of one array in flight do.
class ManyReaders {
 public:
  ManyReaders(const uint8_t* page, int references) {
    while (references > 0) {
      int ends[2];
      CHECK_EQ(::pipe(ends), 0);
      ends_.push_back(ends[0]);
      ends_.push_back(ends[1]);
      const int room = ::fcntl(ends[1], F_SETPIPE_SZ, 256 * kPage) < 0 ? 16 : 256;
      for (int i = 0; i < room && references > 0; ++i, --references) {
        const iovec part{const_cast<uint8_t*>(page), 8};
        CHECK_EQ(::vmsplice(ends[1], &part, 1, SPLICE_F_NONBLOCK), 8);
      }
    }
  }
  ~ManyReaders() {
    for (const int end : ends_) ::close(end);
  }
  ManyReaders(const ManyReaders&) = delete;
  ManyReaders& operator=(const ManyReaders&) = delete;

  // The first byte of the page, as the kernel reads it now.
  uint8_t sees() {
    uint8_t byte = 0;
    CHECK_EQ(::read(ends_[0], &byte, 1), 1);
    return byte;
  }

 private:
  std::vector<int> ends_;
};

template <class Entry>
class Replaced {
 public:
  Replaced(Entry Syscalls::* entry, Entry stand_in)
      : entry_(entry), real_(std::exchange(sys.*entry, stand_in)) {}
  ~Replaced() { sys.*entry_ = real_; }
  Replaced(const Replaced&) = delete;
  Replaced& operator=(const Replaced&) = delete;

 private:
  Entry Syscalls::* entry_;
  Entry real_;
};

const char* unreadable = "";
int open_unless_unreadable(const char* path, int flags) {
  if (std::string(path) != unreadable) return ::open(path, flags);
  errno = EACCES;
  return -1;
}

// What a pagemap without sense in it would say.
uint64_t cleared = 0;
uint64_t added = 0;
ssize_t read_changed(int fd, void* data, size_t size, off_t offset) {
  const ssize_t got = ::pread(fd, data, size, offset);
  auto* const entries = static_cast<uint64_t*>(data);
  for (ssize_t i = 0; i < got / 8; ++i) entries[i] = (entries[i] & ~cleared) | added;
  return got;
}

ssize_t read_late(int fd, void* data, size_t size, off_t offset) {
  ::usleep(30'000);
  return ::pread(fd, data, size, offset);
}

ssize_t read_nothing(int, void*, size_t, off_t) {
  errno = EPERM;
  return -1;
}

// Writes once, at the second reading: the first one is before there is a child.
uint8_t* neighbour = nullptr;
int readings = 0;
ssize_t write_and_read(int fd, void* data, size_t size, off_t offset) {
  if (++readings == 2) *neighbour = 2;
  return ::pread(fd, data, size, offset);
}

int without_fork_advice(void* address, size_t length, int advice) {
  return advice == MADV_DOFORK ? 0 : ::madvise(address, length, advice);
}

}  // namespace

TEST(pages_of_spans_are_named_once_and_whole) {
  const auto at = [](uintptr_t address) { return reinterpret_cast<const uint8_t*>(address); };
  const auto pages = pages_of({{at(5 * kPage + 1), kPage},
                               {at(kPage), 1},
                               {at(kPage + 10), 20},
                               {at(2 * kPage - 1), 2},
                               {at(9 * kPage), 0}});
  REQUIRE(pages.size() == 2);
  CHECK_EQ(pages[0].begin, kPage);
  CHECK_EQ(pages[0].end, 3 * kPage);
  CHECK_EQ(pages[1].begin, 5 * kPage);
  CHECK_EQ(pages[1].end, 7 * kPage);
}

// A fork copies such a page for the child, and leaves the original, which the kernel reads, with
// us.
TEST(part_spans_finds_out_pages_that_a_fork_does_not_share) {
  pin_once();
  Memory memory(2 * kPage);
  {
    ManyReaders kernel(memory.data(), 1100);
    const Memory other(kPage);
    CHECK_EQ(part_spans_from_kernel({{other.data(), 10}}), 0);  // by a child, and nothing failed
    memory.fill(2);
    CHECK_EQ(kernel.sees(), 2);  // and yet
    CHECK_EQ(part_spans_from_kernel({{memory.data(), 10}}), EOPNOTSUPP);
    CHECK_EQ(part_spans_from_kernel({{memory.data() + kPage, 10}}), 0);
    CHECK_EQ(part_spans_from_kernel({{memory.data() + kPage - 1, 2}}), EOPNOTSUPP);
  }
  ManyReaders kernel(memory.data(), 900);
  CHECK_EQ(part_spans_from_kernel({{memory.data(), 10}}), 0);
  memory.fill(3);
  CHECK_EQ(kernel.sees(), 2);
}

// Large folios count their pins separately, so many references alone do not make them look pinned.
// A kernel may behave otherwise, but then the call has to return an error.
TEST(part_spans_is_right_about_large_folios_with_many_references) {
  pin_once();
  Memory memory(kHugePage, MADV_HUGEPAGE);
  ManyReaders kernel(memory.data() + 17 * kPage, 1100);
  const int error = part_spans_from_kernel({{memory.data() + 17 * kPage, 10}});
  memory.fill(2);
  CHECK_EQ(kernel.sees(), error == 0 ? 1 : 2);
}

TEST(part_spans_parts_large_folios) {
  Memory memory(kHugePage, MADV_HUGEPAGE);
  Reader kernel;
  kernel.hold(memory.data() + kPage, 3 * kPage);
  CHECK_EQ(part_spans_from_kernel({{memory.data() + kPage, 3 * kPage}}), 0);
  memory.fill(2);
  CHECK(kernel.sees_only(1));
}

TEST(part_spans_parts_memory_that_nobody_has_touched) {
  void* memory =
      ::mmap(nullptr, 3 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  CHECK_EQ(part_spans_from_kernel({{static_cast<uint8_t*>(memory), 3 * kPage}}), 0);
  ::munmap(memory, 3 * kPage);
}

TEST(part_spans_promises_nothing_that_it_cannot_see) {
  const Memory memory(kPage);
  for (const char* path : {"/proc/self/maps", "/proc/self/pagemap"}) {
    unreadable = path;
    const Replaced opening(&Syscalls::open, open_unless_unreadable);
    CHECK(part_spans_from_kernel({{memory.data(), 10}}) != 0);
  }
  {
    const Replaced reading(&Syscalls::pread, read_nothing);
    CHECK_EQ(part_spans_from_kernel({{memory.data(), 10}}), EOPNOTSUPP);
  }
  {
    const FailNext fail(&Syscalls::pipe2, EMFILE);
    CHECK_EQ(part_spans_from_kernel({{memory.data(), 10}}), EMFILE);
  }
  // What the child does not get is not shared with it, whatever was advised.
  CHECK_EQ(::madvise(memory.data(), kPage, MADV_DONTFORK), 0);
  const Replaced advising(&Syscalls::madvise, without_fork_advice);
  CHECK_EQ(part_spans_from_kernel({{memory.data(), 10}}), EOPNOTSUPP);
}

// A kernel that knows no such bit, or counts for whole folios only, calls every page shared.
TEST(part_spans_does_not_believe_a_pagemap_without_proof) {
  const Memory memory(kPage);
  const Replaced reading(&Syscalls::pread, read_changed);
  cleared = kExclusive;
  CHECK_EQ(part_spans_from_kernel({{memory.data(), 10}}), EOPNOTSUPP);
  cleared = ~uint64_t{0};  // nothing at all
  CHECK_EQ(part_spans_from_kernel({{memory.data(), 10}}), EOPNOTSUPP);
  cleared = 0;
  added = kExclusive;
  CHECK_EQ(part_spans_from_kernel({{memory.data(), 10}}), EOPNOTSUPP);
  added = 0;
  CHECK_EQ(part_spans_from_kernel({{memory.data(), 10}}), 0);
}

// As another thread would, to what lies beside the memory on the heap.
TEST(part_spans_looks_again_where_a_neighbour_was_written_to) {
  Memory memory(kPage);
  Reader kernel;
  kernel.hold(memory.data(), 10);
  neighbour = memory.data() + 100;
  const Replaced reading(&Syscalls::pread, write_and_read);
  CHECK_EQ(part_spans_from_kernel({{memory.data(), 10}}), 0);
  CHECK_EQ(*neighbour, 2);
  memory.fill(3);
  CHECK(kernel.sees_only(1));
}

// The child waits to be looked at, however long that takes.
TEST(part_spans_looks_while_the_child_exists) {
  const Memory memory(kPage);
  const Replaced reading(&Syscalls::pread, read_late);
  CHECK_EQ(part_spans_from_kernel({{memory.data(), 10}}), 0);
}

TEST(part_spans_leaves_nothing_behind) {
  const Memory memory(kPage);
  CHECK_EQ(part_spans_from_kernel({{memory.data(), 10}}), 0);
  const size_t mappings = harness::count_mappings();
  const int lowest = ::dup(0);
  for (int i = 0; i < 50; ++i) CHECK_EQ(part_spans_from_kernel({{memory.data(), 10}}), 0);
  const int next = ::dup(0);
  CHECK_EQ(next, lowest + 1);
  CHECK(harness::count_mappings() <= mappings + harness::kStrayMappings);
  ::close(lowest);
  ::close(next);
}
