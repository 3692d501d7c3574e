#include "kernel/slot_replacement.h"

#include <algorithm>
#include <functional>

namespace zerosend {

bool SlotReplacement::before(const Slots& a, const Slots& b) {
  return a.slab == b.slab ? a.first < b.first : std::less<const Slab*>()(a.slab, b.slab);
}

void SlotReplacement::add(Slab* slab, const uint8_t* data, size_t length) {
  uint32_t first = 0;
  uint32_t count = 0;
  slab->slots_around(data, length, &first, &count);
  slots_.push_back({slab, first, first + count, 0});
}

void SlotReplacement::run() {
  std::sort(slots_.begin(), slots_.end(), before);
  std::vector<Slots> done;
  std::vector<GivenUp> given_up;
  for (size_t i = 0; i < slots_.size();) {
    const auto [slab, first, first_end, unused] = slots_[i];
    uint32_t end = first_end;
    for (++i; i < slots_.size() && slots_[i].slab == slab && slots_[i].first <= end; ++i) {
      end = std::max(end, slots_[i].end);
    }
    given_up.clear();
    slab->replace_slots(first, end - first, &given_up);
    for (const GivenUp& piece : given_up) {
      done.push_back({slab, piece.first, piece.first + piece.count, piece.error});
    }
  }
  slots_ = std::move(done);
}

int SlotReplacement::error_of(const Slab* slab, const uint8_t* data, size_t length) const {
  uint32_t first = 0;
  uint32_t count = 0;
  slab->slots_around(data, length, &first, &count);
  // The results are sorted by slot, and the slots of one send are neighbours.
  auto piece = std::upper_bound(slots_.begin(), slots_.end(),
                                Slots{const_cast<Slab*>(slab), first, 0, 0}, before);
  if (piece != slots_.begin()) --piece;
  for (; piece != slots_.end() && piece->slab == slab && piece->first < first + count; ++piece) {
    if (piece->error != 0) return piece->error;
  }
  return 0;
}

}  // namespace zerosend
