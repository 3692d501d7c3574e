#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace zerosend {

enum class HugePages : uint8_t { kTransparent, kExplicit, kNone };

// One mapping that holds the slots of a pool. Shared by the pool's ArrayBuffer and by every send
// in flight from it, and unmapped by whichever lets go last, on its thread. Unmapping is safe even
// while the kernel still reads: it holds the pages themselves, and the process no longer has them.
class Slab : public std::enable_shared_from_this<Slab> {
 public:
  // `slot_size` is a multiple of the page size. Returns null and sets `*error` to an errno.
  static std::shared_ptr<Slab> create(size_t slot_size, uint32_t slots, HugePages huge_pages,
                                      int* error);

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
  size_t stride() const { return stride_; }  // from one slot to the next
  size_t offset() const { return offset_; }  // of the first slot
  uint8_t* slot(uint32_t index) const { return base_ + offset_ + stride_ * index; }

  // errno of the madvise that asked for transparent huge pages; 0 when granted or not asked for.
  int huge_page_error() const { return huge_page_error_; }

  bool contains(const uint8_t* data) const { return data >= base_ && data < base_ + size(); }

  // Gives all slots that the bytes touch fresh pages with the same content. What the kernel still
  // reads stays as it is on the old pages, so the slots may be written at once (a write to a page
  // in flight changes what goes out). Runs on the JavaScript thread, the only one that writes to
  // slots; the poller thread may read them at the same time and sees the same bytes before and
  // after. Returns 0 or an errno, in which case the slots must never be written again.
  int replace_pages(const uint8_t* data, size_t length);
  int replace_pages(uint32_t index) { return replace_pages(slot(index), slot_size_); }

 private:
  Slab(uint8_t* base, size_t mapped, size_t stride, size_t offset, size_t slot_size, uint32_t slots)
      : base_(base),
        mapped_(mapped),
        stride_(stride),
        offset_(offset),
        slot_size_(slot_size),
        slots_(slots) {}

  uint8_t* base_;
  size_t mapped_;
  size_t stride_;
  size_t offset_;
  size_t slot_size_;
  uint32_t slots_;
  HugePages huge_ = HugePages::kNone;
  bool shared_with_kernel_ = false;
  int huge_page_error_ = 0;
};

}  // namespace zerosend
