#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace zerosend {

struct Span {
  const uint8_t* data;
  size_t length;
};

// The addresses of whole pages that lie next to each other.
struct PageRange {
  uintptr_t begin;
  uintptr_t end;
};

// The pages in which the spans lie, sorted, each once.
std::vector<PageRange> pages_of(const std::vector<Span>& spans);

// Tells whether pages of ours are shared with a child process, while that exists. It is made before
// the child, and both are made on the same thread.
//
// A fork does not share every page: one that may be pinned (a thousand references, in a process
// that has ever pinned memory, say by O_DIRECT or AF_XDP) is copied for the child, and the original
// stays with us and with whoever else reads it (copy_present_page in mm/memory.c). The call
// succeeds all the same. Bit 56 of /proc/self/pagemap (Documentation/admin-guide/mm/pagemap.rst)
// says of each page whether nobody else maps it.
//
// The bit is not believed without proof: two pages of our own go with the others. One of them is
// shared with the child, the other is withheld from it, and both have to be reported as such. Where
// the kernel can be had to put both into one large folio it does: kernels that do not count for
// each page who maps it (CONFIG_NO_PAGE_MAPCOUNT) tell of the folio as a whole, and are found out
// so.
class PageSharing {
 public:
  explicit PageSharing(const std::vector<PageRange>& pages);
  ~PageSharing();
  PageSharing(const PageSharing&) = delete;
  PageSharing& operator=(const PageSharing&) = delete;

  // Whether each of the pages is shared with the child that exists now. False also where that
  // cannot be told: no /proc, no permission to read it, pages that are not in memory.
  bool all_shared() const;

 private:
  void make_controls();
  bool controls_hold() const;
  bool read(uintptr_t page, size_t count, uint64_t* entries) const;

  int fd_;  // of /proc/self/pagemap, or -1
  const std::vector<PageRange>& pages_;
  uint8_t* controls_ = nullptr;  // a mapping, or null
  uintptr_t shared_ = 0;         // the page of it that the child gets
  uintptr_t withheld_ = 0;       // the page that it does not get
  bool one_folio_ = false;       // both are in one large folio
};

}  // namespace zerosend
