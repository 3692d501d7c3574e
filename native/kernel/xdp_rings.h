#pragma once

#include <linux/if_xdp.h>

#include <cstddef>
#include <cstdint>

namespace zerosend {

// One of the rings that an AF_XDP socket shares with the kernel: one side produces, the other
// consumes, both by free-running 32-bit counters (Documentation/networking/af_xdp.rst).
template <class Entry>
class XdpRing {
 public:
  // Maps the ring at `page_offset` of `fd`. Returns 0 or an errno.
  int map(int fd, uint64_t page_offset, const xdp_ring_offset& offsets, uint32_t size);
  void unmap();

  // The other side's counter is read with acquire, ours is written with release: entries are
  // complete before they are announced.
  uint32_t other_producer() const { return __atomic_load_n(producer_, __ATOMIC_ACQUIRE); }
  uint32_t other_consumer() const { return __atomic_load_n(consumer_, __ATOMIC_ACQUIRE); }
  void produce(uint32_t value) { __atomic_store_n(producer_, value, __ATOMIC_RELEASE); }
  void consume(uint32_t value) { __atomic_store_n(consumer_, value, __ATOMIC_RELEASE); }
  uint32_t flags() const { return __atomic_load_n(flags_, __ATOMIC_RELAXED); }

  Entry& at(uint32_t counter) const { return entries_[counter & (size_ - 1)]; }
  uint32_t size() const { return size_; }

 private:
  void* mapping_ = nullptr;
  size_t length_ = 0;
  uint32_t* producer_ = nullptr;
  uint32_t* consumer_ = nullptr;
  uint32_t* flags_ = nullptr;
  Entry* entries_ = nullptr;
  uint32_t size_ = 0;
};

}  // namespace zerosend
