#include "kernel/page_sharing.h"

#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "kernel/page_size.h"
#include "kernel/syscalls.h"

namespace zerosend {
namespace {

constexpr uint64_t kPresent = uint64_t{1} << 63;
constexpr uint64_t kExclusive = uint64_t{1} << 56;
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kEntries = 512;  // entries of /proc/self/pagemap that are read at once

bool is_shared(uint64_t entry) { return (entry & kPresent) && !(entry & kExclusive); }
bool is_exclusive(uint64_t entry) { return (entry & kPresent) && (entry & kExclusive); }

// Reads a byte, so that the page is in memory. Other threads may write to the page at the same
// time, and its first byte may belong to another object of the heap that has been freed by now, so
// the sanitizers are switched off here.
__attribute__((noinline, no_sanitize("address"), no_sanitize("thread"))) void touch(
    uintptr_t page) {
  static_cast<void>(__atomic_load_n(reinterpret_cast<const uint8_t*>(page), __ATOMIC_RELAXED));
}

// Returns whether this kernel may count mappings for whole folios only, which it can be built to do
// since Linux 6.15.
bool may_count_folios_only() {
  utsname name{};
  int major = 0;
  int minor = 0;
  if (::uname(&name) != 0 || std::sscanf(name.release, "%d.%d", &major, &minor) != 2) return true;
  return major > 6 || (major == 6 && minor >= 15);
}

// Returns whether anonymous memory may be in large folios, as far as that is known.
bool may_have_large_folios() {
  const int fd = sys.open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY);
  if (fd < 0) return true;
  char text[64] = "";
  const ssize_t size = ::read(fd, text, sizeof text - 1);
  sys.close(fd);
  return size <= 0 || std::strstr(text, "[never]") == nullptr;
}

}  // namespace

std::vector<PageRange> pages_of(const std::vector<Span>& spans) {
  std::vector<PageRange> pages;
  pages.reserve(spans.size());
  for (const Span& span : spans) {
    if (span.length == 0) continue;
    const auto begin = reinterpret_cast<uintptr_t>(span.data);
    const uintptr_t last = begin + span.length - 1;
    pages.push_back({begin - begin % page_size(), last - last % page_size() + page_size()});
  }
  std::sort(pages.begin(), pages.end(),
            [](const PageRange& a, const PageRange& b) { return a.begin < b.begin; });
  size_t kept = 0;
  for (const PageRange& more : pages) {
    if (kept > 0 && more.begin <= pages[kept - 1].end) {
      pages[kept - 1].end = std::max(pages[kept - 1].end, more.end);
    } else {
      pages[kept++] = more;
    }
  }
  pages.resize(kept);
  return pages;
}

PageSharing::PageSharing(const std::vector<PageRange>& pages)
    : fd_(sys.open("/proc/self/pagemap", O_RDONLY)), pages_(pages) {
  if (fd_ < 0) return;
  for (const PageRange& range : pages_) {
    for (uintptr_t page = range.begin; page != range.end; page += page_size()) touch(page);
  }
  make_controls();
}

PageSharing::~PageSharing() {
  if (controls_ != nullptr) sys.munmap(controls_, 2 * kHugePage);
  if (fd_ >= 0) sys.close(fd_);
}

void PageSharing::make_controls() {
  void* memory =
      sys.mmap(nullptr, 2 * kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  controls_ = static_cast<uint8_t*>(memory);
  const uintptr_t past = reinterpret_cast<uintptr_t>(memory) % kHugePage;
  uint8_t* const huge = controls_ + (past == 0 ? 0 : kHugePage - past);
  sys.madvise(huge, kHugePage, MADV_HUGEPAGE);
  *huge = 1;
  // The pages that are in memory after one was touched are in the same folio.
  uint64_t entries[kEntries];
  const size_t count = std::min(kEntries, kHugePage / page_size());
  if (!read(reinterpret_cast<uintptr_t>(huge), count, entries)) return;
  size_t present = 0;
  while (present < count && (entries[present] & kPresent)) ++present;
  one_folio_ = present > 1;
  uint8_t* const other = huge + (one_folio_ ? present / 2 : 1) * page_size();
  if (!one_folio_) *other = 1;
  if (sys.madvise(other, static_cast<size_t>(huge + kHugePage - other), MADV_DONTFORK) != 0) return;
  shared_ = reinterpret_cast<uintptr_t>(huge);
  withheld_ = reinterpret_cast<uintptr_t>(other);
}

bool PageSharing::read(uintptr_t page, size_t count, uint64_t* entries) const {
  const size_t size = count * sizeof *entries;
  const auto offset = static_cast<off_t>(page / page_size() * sizeof *entries);
  return sys.pread(fd_, entries, size, offset) == static_cast<ssize_t>(size);
}

bool PageSharing::controls_hold() const {
  uint64_t shared = 0;
  uint64_t withheld = 0;
  if (shared_ == 0 || !read(shared_, 1, &shared) || !read(withheld_, 1, &withheld)) return false;
  if (!is_shared(shared) || !is_exclusive(withheld)) return false;
  return one_folio_ || !may_count_folios_only() || !may_have_large_folios();
}

bool PageSharing::all_shared() const {
  if (fd_ < 0 || !controls_hold()) return false;
  uint64_t entries[kEntries];
  for (const PageRange& range : pages_) {
    size_t left = (range.end - range.begin) / page_size();
    uintptr_t page = range.begin;
    while (left > 0) {
      const size_t count = std::min(kEntries, left);
      if (!read(page, count, entries)) return false;
      if (!std::all_of(entries, entries + count, is_shared)) return false;
      page += count * page_size();
      left -= count;
    }
  }
  return true;
}

}  // namespace zerosend
