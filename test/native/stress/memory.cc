#include "memory.h"

#include <cstring>
#include <utility>

#include "check.h"
#include "kernel/slot_replacement.h"

namespace stress {

Pool::Pool(std::shared_ptr<zerosend::Slab> slab, bool in_order)
    : slab_(std::move(slab)),
      slot_size_(static_cast<uint32_t>(slab_->slot_size())),
      slots_(slab_->slots()),
      in_order_(in_order) {
  if (in_order) return;
  for (uint32_t slot = 0; slot < slab_->slots(); ++slot) free_.push_back(slot);
}

int Pool::acquire() {
  uint32_t slot = next_;
  if (in_order_ && !holes_.empty()) {
    slot = holes_.back();
    holes_.pop_back();
  } else if (in_order_) {
    if (slots_[slot].holds > 0) return -1;
    next_ = (slot + 1) % slab_->slots();
  } else {
    if (free_.empty() || dropped()) return -1;
    slot = free_.back();
    free_.pop_back();
  }
  MUST(slots_[slot].holds == 0, "slot %u was free and held", slot);
  slots_[slot].holds = 1;
  ++held_;
  return static_cast<int>(slot);
}

void Pool::release(uint32_t slot) {
  MUST(slots_[slot].holds > 0, "slot %u was given back twice", slot);
  if (--slots_[slot].holds > 0) return;
  --held_;
  if (slots_[slot].retired) return;
  scribble(slot);
  if (!in_order_) free_.push_back(slot);
}

void Pool::release_unsent(uint32_t slot) {
  release(slot);
  if (in_order_) holes_.push_back(slot);
}

void Pool::scribble(uint32_t slot) {
  if (!dropped()) std::memset(bytes(slot), 0xee, slot_size_);
}

void Pool::replace_one() {
  if (free_.empty() || dropped()) return;
  const uint32_t slot = free_.front();
  uint8_t* const memory = bytes(slot);
  memory[0] = 0x5a;
  memory[slot_size_ - 1] = 0xa5;
  zerosend::SlotReplacement replacement;
  replacement.add(slab_.get(), memory, slot_size_);
  replacement.run();
  const int error = replacement.error_of(slab_.get(), memory, slot_size_);
  MUST(memory[0] == 0x5a && memory[slot_size_ - 1] == 0xa5,
       "replacing the pages of slot %u changed it (errno %d)", slot, error);
}

}  // namespace stress
