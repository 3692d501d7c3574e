#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/range.h"

namespace zerosend {

// Collects completed ids and hands them out as few ranges as possible: neighbours that ended in
// the same way, and for the same reason, are one range, in whatever order they arrived.
class Coalescer {
 public:
  void add(uint64_t first, uint64_t last, Outcome outcome, uint16_t error = 0) {
    if (!empty()) {
      Range& tail = ranges_.back();
      if (tail.outcome == outcome && tail.error == error && first == tail.last + 1) {
        tail.last = last;
        return;
      }
      if (first < tail.last) sorted_ = false;
    }
    ranges_.push_back({first, last, outcome, error});
  }
  void add(uint64_t id, Outcome outcome) { add(id, id, outcome); }

  bool empty() const { return next_ == ranges_.size(); }

  // Moves up to `max` ranges to `out`, in order of their ids among all that is pending now.
  size_t take(Range* out, size_t max);

 private:
  void sort_and_merge();

  std::vector<Range> ranges_;
  size_t next_ = 0;     // ranges before this one have been taken
  bool sorted_ = true;  // false once a range arrived that starts before its predecessor ends
};

}  // namespace zerosend
