#include "sockets/rings/descriptors.h"

namespace zerosend {

uint32_t Descriptors::allocate() {
  const uint32_t index = free_;
  if (index == kNone) {
    all_.push_back({});
    return static_cast<uint32_t>(all_.size() - 1);
  }
  free_ = all_[index].next;
  return index;
}

const Descriptors::Descriptor& Descriptors::take_newest() {
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

// Takes a descriptor that is on the list of no chunk any more off the list of all.
const Descriptors::Descriptor& Descriptors::unlink(uint32_t index) {
  Descriptor& descriptor = all_[index];
  (descriptor.older == kNone ? oldest_ : all_[descriptor.older].newer) = descriptor.newer;
  (descriptor.newer == kNone ? newest_ : all_[descriptor.newer].older) = descriptor.older;
  descriptor.next = free_;
  free_ = index;
  --count_;
  return descriptor;
}

}  // namespace zerosend
