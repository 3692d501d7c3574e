#include "kernel/slab.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "kernel/mapping_budget.h"
#include "kernel/page_replacement.h"
#include "kernel/page_size.h"
#include "kernel/syscalls.h"

namespace zerosend {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

size_t round_up(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

// Maps `size` bytes at a huge-page boundary, so that the whole slab can be huge pages. Returns
// MAP_FAILED like mmap(2).
void* map_aligned(size_t size) {
  void* raw = sys.mmap(nullptr, size + kHugePage, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) return raw;
  auto* start = static_cast<uint8_t*>(raw);
  const size_t head =
      round_up(reinterpret_cast<uintptr_t>(raw), kHugePage) - reinterpret_cast<uintptr_t>(raw);
  if (head > 0) sys.munmap(start, head);
  if (head < kHugePage) sys.munmap(start + head + size, kHugePage - head);
  return start + head;
}

void* map_reserved(size_t size) {
  return sys.mmap(nullptr, size, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (21 << MAP_HUGE_SHIFT), -1, 0);
}

}  // namespace

Failure Slab::create(size_t slot_size, uint32_t slots, HugePages huge_pages,
                     std::shared_ptr<Slab>* created) {
  if (slot_size == 0 || slots == 0 || slot_size > (SIZE_MAX >> 2) / slots) return {EINVAL, "mmap"};
  const bool reserved = huge_pages == HugePages::kExplicit;
  const size_t mapped = round_up(slot_size * slots, kHugePage);
  void* base = reserved ? map_reserved(mapped) : map_aligned(mapped);
  if (base == MAP_FAILED) return Failure::of("mmap");
  created->reset(new Slab(static_cast<uint8_t*>(base), mapped, slot_size, 0, slot_size, slots,
                          reserved ? kHugePage : page_size()));
  // A child process must not share the pages, or the first write to each slot after a fork would
  // copy them.
  sys.madvise(base, mapped, MADV_DONTFORK);
  if (!reserved) {
    const int advice = huge_pages == HugePages::kNone ? MADV_NOHUGEPAGE : MADV_HUGEPAGE;
    if (sys.madvise(base, mapped, advice) != 0) (*created)->huge_page_error_ = errno;
  }
  return {};
}

std::shared_ptr<Slab> Slab::adopt(uint8_t* base, size_t mapped, size_t stride, size_t offset,
                                  size_t slot_size, uint32_t slots) {
  std::shared_ptr<Slab> slab(new Slab(base, mapped, stride, offset, slot_size, slots, page_size()));
  slab->share_with_kernel();
  return slab;
}

Slab::~Slab() {
  sys.munmap(base_, mapped_);
  MappingBudget::take(-static_cast<std::ptrdiff_t>(borders_.size()));
}

void Slab::slots_around(const uint8_t* data, size_t length, uint32_t* first,
                        uint32_t* count) const {
  const auto begin = static_cast<size_t>(data - base_);
  const size_t last = std::min(begin + std::max<size_t>(length, 1), size()) - 1;
  *first = static_cast<uint32_t>(begin / stride_);
  *count = static_cast<uint32_t>(last / stride_) - *first + 1;
}

// Gives the bytes from `begin` to `end` a mapping of their own, if the process may have more
// mappings.
int Slab::replace_span(size_t begin, size_t end) {
  MutexLock lock(mutex_);
  const auto inner = borders_.upper_bound(begin);
  const auto outer = borders_.lower_bound(end);
  std::ptrdiff_t more = -std::distance(inner, outer);
  if (begin > 0 && borders_.count(begin) == 0) ++more;
  if (end < mapped_ && borders_.count(end) == 0) ++more;
  if (!MappingBudget::take(more)) return ENOSPC;
  if (const int error = replace_mapping(base_ + begin, end - begin)) {
    MappingBudget::take(-more);
    return error;
  }
  borders_.erase(inner, outer);
  if (begin > 0) borders_.insert(begin);
  if (end < mapped_) borders_.insert(end);
  return 0;
}

void Slab::replace_slots(uint32_t first, uint32_t count, std::vector<GivenUp>* given_up) {
  const uint32_t behind = first + count;
  const auto add = [given_up](uint32_t from, uint32_t to, int error) {
    if (to > from) given_up->push_back({from, to - from, error});
  };
  if (shared_with_kernel()) return add(first, behind, EOPNOTSUPP);
  // The last page has no further slots, so it can be replaced as a whole.
  const size_t begin = round_up(slot_size_ * first, unit_);
  const size_t end =
      behind == slots_ ? round_up(size(), unit_) : slot_size_ * behind / unit_ * unit_;
  const size_t whole = std::min<size_t>(round_up(begin, slot_size_) / slot_size_, behind);
  const size_t rest =
      behind == slots_ ? behind : std::max(whole, std::min<size_t>(end / slot_size_, behind));
  const auto from = static_cast<uint32_t>(whole);
  const auto to = static_cast<uint32_t>(rest);
  add(first, from, EBUSY);
  if (to > from) {
    const int error = replace_span(begin, end);
    if (error != 0 && error != ENOSPC && to - from > 1) {
      // There may be memory for half of the slots.
      const uint32_t half = (to - from) / 2;
      replace_slots(from, half, given_up);
      replace_slots(from + half, to - from - half, given_up);
    } else {
      add(from, to, error);
    }
  }
  add(to, behind, EBUSY);
}

}  // namespace zerosend
