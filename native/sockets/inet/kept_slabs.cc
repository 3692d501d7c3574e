#include "sockets/inet/kept_slabs.h"

#include <utility>

namespace zerosend {

void KeptSlabs::keep_new(Slab* slab, size_t sends, uint64_t next) {
  Kept* found = nullptr;
  for (Kept& kept : kept_) {
    if (kept.slab.get() == last_) kept.until = next + sends - 1;
    if (kept.slab.get() == slab) found = &kept;
  }
  if (found == nullptr) {
    kept_.push_back({slab->shared_from_this(), kInUse});
  } else {
    found->until = kInUse;
  }
  last_ = slab;
}

void KeptSlabs::let_go(uint64_t oldest) {
  for (size_t i = 0; i < kept_.size();) {
    if (kept_[i].until > oldest) {
      ++i;
    } else {
      kept_[i] = std::move(kept_.back());
      kept_.pop_back();
    }
  }
}

void KeptSlabs::rest(uint64_t next, uint64_t oldest) {
  for (Kept& kept : kept_) {
    if (kept.until == kInUse) kept.until = next;
  }
  last_ = nullptr;
  let_go(oldest);
}

}  // namespace zerosend
