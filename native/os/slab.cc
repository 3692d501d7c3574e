#include "os/slab.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "os/page_replacement.h"
#include "os/syscalls.h"

namespace zerosend {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

size_t round_up(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

// Maps `size` bytes at a huge-page boundary, so that the whole slab can be huge pages.
uint8_t* map_aligned(size_t size, int* error) {
  void* raw = sys.mmap(nullptr, size + kHugePage, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) {
    *error = errno;
    return nullptr;
  }
  auto* start = static_cast<uint8_t*>(raw);
  const size_t head =
      round_up(reinterpret_cast<uintptr_t>(raw), kHugePage) - reinterpret_cast<uintptr_t>(raw);
  if (head > 0) sys.munmap(start, head);
  if (head < kHugePage) sys.munmap(start + head + size, kHugePage - head);
  return start + head;
}

}  // namespace

std::shared_ptr<Slab> Slab::create(size_t slot_size, uint32_t slots, HugePages huge_pages,
                                   int* error) {
  if (slot_size == 0 || slots == 0 || slot_size > (SIZE_MAX >> 2) / slots) {
    *error = EINVAL;
    return nullptr;
  }
  const size_t mapped = round_up(slot_size * slots, kHugePage);
  uint8_t* base = nullptr;
  if (huge_pages == HugePages::kExplicit) {
    void* raw = sys.mmap(nullptr, mapped, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (21 << MAP_HUGE_SHIFT), -1, 0);
    if (raw == MAP_FAILED) {
      *error = errno;
      return nullptr;
    }
    base = static_cast<uint8_t*>(raw);
  } else {
    base = map_aligned(mapped, error);
    if (base == nullptr) return nullptr;
  }
  std::shared_ptr<Slab> slab(new Slab(base, mapped, slot_size, 0, slot_size, slots));
  slab->huge_ = huge_pages;
  // A child process must not share the pages: its copy-on-write would slow every slot down.
  sys.madvise(base, mapped, MADV_DONTFORK);
  if (huge_pages != HugePages::kExplicit) {
    const int advice = huge_pages == HugePages::kNone ? MADV_NOHUGEPAGE : MADV_HUGEPAGE;
    if (sys.madvise(base, mapped, advice) != 0) slab->huge_page_error_ = errno;
  }
  return slab;
}

std::shared_ptr<Slab> Slab::adopt(uint8_t* base, size_t mapped, size_t stride, size_t offset,
                                  size_t slot_size, uint32_t slots) {
  std::shared_ptr<Slab> slab(new Slab(base, mapped, stride, offset, slot_size, slots));
  slab->shared_with_kernel_ = true;
  return slab;
}

Slab::~Slab() { sys.munmap(base_, mapped_); }

int Slab::replace_pages(const uint8_t* data, size_t length) {
  if (shared_with_kernel_) return EOPNOTSUPP;
  size_t begin = static_cast<size_t>(data - base_) / slot_size_ * slot_size_;
  const size_t last = std::min(static_cast<size_t>(data - base_) + length, size());
  length = round_up(last - begin, slot_size_);
  if (huge_ == HugePages::kExplicit) {
    // Reserved huge pages can only be replaced whole. Neighbours in the same page keep their
    // content too; what of them is in flight stays on the old page.
    const size_t end = round_up(begin + length, kHugePage);
    begin = begin / kHugePage * kHugePage;
    length = std::min(end, mapped_) - begin;
  }
  return replace_mapping(base_ + begin, length);
}

}  // namespace zerosend
