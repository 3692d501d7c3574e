#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernel/slab.h"

namespace stress {

// The slots of one slab, as the library's TypeScript keeps them. A slot is written to the moment it
// is free, so that a send that is still read from there goes out wrong.
class Pool {
 public:
  // `in_order`: slots are handed out strictly one after the other, as a transmit ring wants them.
  explicit Pool(std::shared_ptr<zerosend::Slab> slab, bool in_order = false);

  const std::shared_ptr<zerosend::Slab>& slab() const { return slab_; }
  uint32_t slot_size() const { return slot_size_; }
  uint8_t* bytes(uint32_t slot) const { return slab_->slot(slot); }

  // A free slot with one lease, or -1.
  int acquire();
  // One more lease, or one less without a send.
  void lease(uint32_t slot) { ++slots_[slot].holds; }
  void release(uint32_t slot);
  // The slot was not sent after all; the one acquired last comes first.
  void release_unsent(uint32_t slot);
  // A lease has become a send; the send has completed.
  void completed(uint32_t slot) { release(slot); }
  // The send failed before the kernel saw it: in order, its place is a hole that later ones wait
  // at.
  void never_sent(uint32_t slot) {
    release(slot);
    if (in_order_) holes_.push_back(slot);
  }
  // The slot must never be written again.
  void retire(uint32_t slot) { slots_[slot].retired = true; }

  bool has_hole() const { return !holes_.empty(); }

  // Lets go of the slab, whatever is in flight.
  void drop() { slab_ = nullptr; }
  bool dropped() const { return slab_ == nullptr; }
  // Every slot is free or retired.
  bool whole() const { return held_ == 0; }
  // Replaces the pages of a slot that is not in use. Its bytes must not change.
  void replace_one();

 private:
  struct Slot {
    uint32_t holds = 0;
    bool retired = false;
  };

  void scribble(uint32_t slot);

  std::shared_ptr<zerosend::Slab> slab_;
  uint32_t slot_size_;
  uint32_t held_ = 0;  // slots with a hold
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;  // not used when in order
  const bool in_order_;
  uint32_t next_ = 0;            // in order: the slot to hand out
  std::vector<uint32_t> holes_;  // in order: to be handed out before that one
};

}  // namespace stress
