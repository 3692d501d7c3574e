#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "core/mutex.h"
#include "kernel/failure.h"

namespace zerosend {

enum class HugePages : uint8_t { kTransparent, kExplicit, kNone };

// Neighbouring slots that were given up, and whether their pages were replaced.
struct GivenUp {
  uint32_t first;
  uint32_t count;
  int error;  // 0 where they have new pages; otherwise they must never be written again
};

// One mapping that holds the slots of a pool. The pool's ArrayBuffer and every send in flight share
// ownership; the last owner unmaps it, on its thread. Unmapping is safe even while the kernel still
// reads, since the kernel holds references to the pages themselves.
//
// Which pages can be replaced depends on the memory, not on the socket that sends from it. Small
// pages can be replaced one by one. Reserved huge pages can only be replaced whole, and the copy
// would lose what other threads write to neighbouring slots meanwhile (a read of a file into a
// buffer runs on a thread of its own). Pages that are shared with the kernel, those of a ring or a
// UMEM, cannot be replaced at all: the kernel would go on with the old ones.
class Slab : public std::enable_shared_from_this<Slab> {
 public:
  // The size of a slot need not be a multiple of the page; pages that slots share are replaced only
  // when all of these slots are given up. `*created` stays as it is when mapping fails.
  static Failure create(size_t slot_size, uint32_t slots, HugePages huge_pages,
                        std::shared_ptr<Slab>* created);

  // Takes over `mapped` bytes at `base` that the kernel shares (a ring): slot i starts at
  // `offset + stride * i`. Its pages cannot be replaced.
  static std::shared_ptr<Slab> adopt(uint8_t* base, size_t mapped, size_t stride, size_t offset,
                                     size_t slot_size, uint32_t slots);
  ~Slab();
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  uint8_t* data() const { return base_; }
  size_t size() const { return stride_ * slots_; }
  size_t slot_size() const { return slot_size_; }
  uint32_t slots() const { return slots_; }
  size_t stride() const { return stride_; }  // bytes from one slot to the next
  size_t offset() const { return offset_; }  // byte offset of the first slot
  uint8_t* slot(uint32_t index) const { return base_ + offset_ + stride_ * index; }

  // The errno of the madvise(2) that asked for transparent huge pages; 0 when they were granted or
  // not asked for.
  int huge_page_error() const { return huge_page_error_; }

  // Has to be called when a socket shares the pages with the kernel for good. From then on they are
  // never replaced, and only that socket may send from them. JavaScript thread.
  void share_with_kernel() { shared_with_kernel_.store(true, std::memory_order_relaxed); }
  bool shared_with_kernel() const { return shared_with_kernel_.load(std::memory_order_relaxed); }

  bool contains(const uint8_t* data) const { return data >= base_ && data < base_ + size(); }

  // Computes which slots `length` bytes at `data` touch. The data has to begin in the slab.
  void slots_around(const uint8_t* data, size_t length, uint32_t* first, uint32_t* count) const;

  // Gives neighbouring slots new pages with the same content, by one call and as one mapping. The
  // kernel goes on reading the old pages, so the slots may be written at once without changing what
  // is sent. Runs on any thread: JavaScript's aborts a socket while the poller or the submission
  // thread ends another one of the same pool. No one writes to slots in flight meanwhile; other
  // threads may read them, and see the same bytes before and after. Adds the result for each slot
  // to `given_up`:
  //   EOPNOTSUPP  the memory is shared with the kernel
  //   EBUSY       the slot has a page in common with one that was not given up
  //   ENOSPC      the process would have too many mappings
  //   else        the errno of mmap, madvise or mremap
  void replace_slots(uint32_t first, uint32_t count, std::vector<GivenUp>* given_up);

 private:
  Slab(uint8_t* base, size_t mapped, size_t stride, size_t offset, size_t slot_size, uint32_t slots,
       size_t unit)
      : base_(base),
        mapped_(mapped),
        stride_(stride),
        offset_(offset),
        slot_size_(slot_size),
        slots_(slots),
        unit_(unit) {}

  int replace_span(size_t begin, size_t end) EXCLUDES(mutex_);

  uint8_t* base_;
  size_t mapped_;
  size_t stride_;
  size_t offset_;
  size_t slot_size_;
  uint32_t slots_;
  size_t unit_;  // size of a page, in bytes: what can only be replaced as a whole
  std::atomic<bool> shared_with_kernel_{false};
  int huge_page_error_ = 0;
  Mutex mutex_;  // an inner lock: sockets replace slots under theirs
  // The offsets at which one mapping ends and the next begins because pages were replaced. Each
  // means one mapping more.
  std::set<size_t> borders_ GUARDED_BY(mutex_);
};

}  // namespace zerosend
