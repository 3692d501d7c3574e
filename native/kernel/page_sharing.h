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

// Finds out whether pages of this process are shared with a child process, while the child exists.
// The object has to be made before the child, on the same thread.
//
// A fork does not share every page. One that may be pinned (it has more than a thousand references,
// in a process that has ever pinned memory, for instance by O_DIRECT or AF_XDP) is copied for the
// child, and the original stays with the parent and with the kernel that reads it
// (copy_present_page in mm/memory.c). The call succeeds all the same. Bit 56 of /proc/self/pagemap
// (Documentation/admin-guide/mm/pagemap.rst) says for each page whether only this process maps it.
//
// The bit is trusted only if it is right for two control pages of the library's own: one is shared
// with the child, the other is withheld from it, and both have to be reported as such. If possible
// both lie in one large folio: a kernel that does not count mappings for each page
// (CONFIG_NO_PAGE_MAPCOUNT) reports the folio as a whole, so it cannot be right for both.
class PageSharing {
 public:
  explicit PageSharing(const std::vector<PageRange>& pages);
  ~PageSharing();
  PageSharing(const PageSharing&) = delete;
  PageSharing& operator=(const PageSharing&) = delete;

  // Whether each of the pages is shared with the child that exists now. Returns false also where
  // that is not known: no /proc, no permission to read it, pages that are not in memory.
  bool all_shared() const;

 private:
  void make_controls();
  bool controls_hold() const;
  bool read(uintptr_t page, size_t count, uint64_t* entries) const;

  int fd_;  // of /proc/self/pagemap, or -1
  const std::vector<PageRange>& pages_;
  uint8_t* controls_ = nullptr;  // the mapping with the two control pages, or null
  uintptr_t shared_ = 0;         // address of the control page that the child gets
  uintptr_t withheld_ = 0;       // address of the control page that it does not get
  bool one_folio_ = false;       // whether both control pages are in one large folio
};

}  // namespace zerosend
