#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace zerosend {

// The descriptors of an AF_XDP socket that have not come back. Each is on two lists. The list of
// its chunk is in order of sending: the kernel gives back an address only, and where a chunk was
// sent several times, that is taken for the oldest send of it. The list of all is in the order in
// which they were handed over, and begins with the one that has been out for longest. Used under
// the socket's lock, on either thread.
class Descriptors {
 public:
  enum class Kind : uint8_t {
    kWhole,
    kCopied,  // the caller copied plain memory into the chunk
    kPart,    // of a packet of several chunks
    kEnded,   // the id has completed, though the kernel has the chunk
  };
  struct Descriptor {
    uint64_t id = 0;
    uint64_t position = 0;  // how many were handed over before
    uint32_t slot = 0;
    uint32_t next = 0;  // of the chunk; or of those that are free
    uint32_t older = kNone;
    uint32_t newer = kNone;
    Kind kind = Kind::kWhole;
  };

  explicit Descriptors(size_t chunks) : chunks_(chunks) {}

  uint32_t count() const { return count_; }
  // Since the socket was opened, less those that were taken back.
  uint64_t handed_over() const { return handed_over_; }
  bool has(uint64_t slot) const { return slot < chunks_.size() && chunks_[slot].oldest != kNone; }

  void add(uint32_t slot, uint64_t id, Kind kind) {
    const uint32_t index = allocate();
    Descriptor& descriptor = all_[index];
    descriptor = {id, handed_over_++, slot, kNone, newest_, kNone, kind};
    (newest_ == kNone ? oldest_ : all_[newest_].newer) = index;
    newest_ = index;
    Chunk& chunk = chunks_[slot];
    (chunk.oldest == kNone ? chunk.oldest : all_[chunk.newest].next) = index;
    chunk.newest = index;
    ++count_;
  }

  // The one that is out longest; null without any.
  const Descriptor* oldest() const { return oldest_ == kNone ? nullptr : &all_[oldest_]; }

  // Takes the oldest of a chunk that has one. It stays as it is until the next is added.
  const Descriptor& take_oldest(uint64_t slot) {
    Chunk& chunk = chunks_[slot];
    const uint32_t index = chunk.oldest;
    chunk.oldest = all_[index].next;
    return unlink(index);
  }
  // Takes back the one that was handed over last; there must be one.
  const Descriptor& take_newest() {
    const uint32_t index = newest_;
    Chunk& chunk = chunks_[all_[index].slot];
    uint32_t* place = &chunk.oldest;
    uint32_t before = kNone;
    while (*place != index) {
      before = *place;
      place = &all_[before].next;
    }
    *place = kNone;
    chunk.newest = before;
    --handed_over_;
    return unlink(index);
  }

  // For each, chunk by chunk.
  template <class Function>
  void for_each(Function&& function) {
    for (const Chunk& chunk : chunks_) {
      for (uint32_t i = chunk.oldest; i != kNone; i = all_[i].next) function(all_[i]);
    }
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  struct Chunk {
    uint32_t oldest = kNone;
    uint32_t newest = kNone;
  };

  uint32_t allocate() {
    const uint32_t index = free_;
    if (index == kNone) {
      all_.push_back({});
      return static_cast<uint32_t>(all_.size() - 1);
    }
    free_ = all_[index].next;
    return index;
  }
  // Takes a descriptor that is on the list of no chunk any more off the list of all.
  const Descriptor& unlink(uint32_t index) {
    Descriptor& descriptor = all_[index];
    (descriptor.older == kNone ? oldest_ : all_[descriptor.older].newer) = descriptor.newer;
    (descriptor.newer == kNone ? newest_ : all_[descriptor.newer].older) = descriptor.older;
    descriptor.next = free_;
    free_ = index;
    --count_;
    return descriptor;
  }

  std::vector<Chunk> chunks_;
  std::vector<Descriptor> all_;
  uint32_t free_ = kNone;
  uint32_t count_ = 0;
  uint64_t handed_over_ = 0;
  uint32_t oldest_ = kNone;
  uint32_t newest_ = kNone;
};

}  // namespace zerosend
