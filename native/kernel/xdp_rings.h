#pragma once

#include <linux/if_xdp.h>

#include <cstddef>
#include <cstdint>

#include "kernel/failure.h"
#include "kernel/syscalls.h"

namespace zerosend {

// One of the rings that an AF_XDP socket shares with the kernel: one side produces, the other
// consumes, both by free-running 32-bit counters (Documentation/networking/af_xdp.rst).
template <class Entry>
class XdpRing {
 public:
  // Maps the ring of `size` entries at `page_offset` of `fd`.
  Failure map(int fd, uint64_t page_offset, const xdp_ring_offset& offsets, uint32_t size) {
    length_ = offsets.desc + size * sizeof(Entry);
    void* memory = sys.mmap(nullptr, length_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
                            static_cast<off_t>(page_offset));
    if (memory == MAP_FAILED) return Failure::of("mmap");
    mapping_ = memory;
    auto* base = static_cast<uint8_t*>(memory);
    producer_ = reinterpret_cast<uint32_t*>(base + offsets.producer);
    consumer_ = reinterpret_cast<uint32_t*>(base + offsets.consumer);
    flags_ = reinterpret_cast<uint32_t*>(base + offsets.flags);
    entries_ = reinterpret_cast<Entry*>(base + offsets.desc);
    size_ = size;
    return {};
  }
  void unmap() {
    if (mapping_ != nullptr) sys.munmap(mapping_, length_);
    mapping_ = nullptr;
  }

  // The kernel's counter is read with acquire and the library's is written with release, so that
  // entries are complete before they are announced.
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
