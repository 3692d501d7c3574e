#include "core/coalescer.h"

#include <algorithm>

namespace zerosend {

void Coalescer::sort_and_merge() {
  std::sort(ranges_.begin() + static_cast<std::ptrdiff_t>(next_), ranges_.end(),
            [](const Range& a, const Range& b) { return a.first < b.first; });
  size_t kept = next_;
  for (size_t i = next_ + 1; i < ranges_.size(); ++i) {
    Range& previous = ranges_[kept];
    const Range& range = ranges_[i];
    if (range.outcome == previous.outcome && range.error == previous.error &&
        range.first == previous.last + 1) {
      previous.last = range.last;
    } else {
      ranges_[++kept] = range;
    }
  }
  ranges_.resize(kept + 1);
  sorted_ = true;
}

size_t Coalescer::take(Range* out, size_t max) {
  if (empty()) return 0;
  if (!sorted_) sort_and_merge();
  const size_t count = std::min(max, ranges_.size() - next_);
  std::copy_n(ranges_.begin() + static_cast<std::ptrdiff_t>(next_), count, out);
  next_ += count;
  if (empty()) {  // keeps the capacity: a steady flow does not allocate
    ranges_.clear();
    next_ = 0;
  }
  return count;
}

}  // namespace zerosend
