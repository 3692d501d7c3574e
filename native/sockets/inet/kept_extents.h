#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include "sockets/request.h"

namespace zerosend {

// The extents of sends that have several, kept until these have completed. The entry of a send has
// room for one extent only, so that a send with one does not pay for more.
class KeptExtents {
 public:
  // Copies the extents of the send `id`, the next one. They stay where they are.
  const Extent* keep(const Extent* extents, size_t count, uint64_t id) {
    kept_.push_back({id, std::make_unique<Extent[]>(count)});
    std::copy_n(extents, count, kept_.back().extents.get());
    return kept_.back().extents.get();
  }
  // The latest was not sent after all.
  void take_back() { kept_.pop_back(); }
  // All sends before `oldest` have completed.
  void let_go(uint64_t oldest) {
    while (!kept_.empty() && kept_.front().id < oldest) kept_.pop_front();
  }

 private:
  struct Kept {
    uint64_t id;
    std::unique_ptr<Extent[]> extents;
  };
  std::deque<Kept> kept_;
};

}  // namespace zerosend
