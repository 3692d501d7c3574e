#include "sockets/news.h"

#include <algorithm>
#include <iterator>

namespace zerosend {
namespace {

size_t take_from(IdRing<Record>* queue, Record* out, size_t max) {
  size_t count = 0;
  for (; count < max && !queue->empty(); queue->pop_front()) out[count++] = queue->front();
  return count;
}

}  // namespace

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

bool Coalescer::latest(uint64_t* first, uint64_t* last) {
  // Before the completion of an id that was revoked or has failed, JavaScript has to take the
  // record that says what may become of its memory.
  if (empty() || ranges_.back().outcome >= Outcome::kRevoked) return false;
  *first = std::max(ranges_.back().first, seen_);
  *last = ranges_.back().last;
  if (*first > *last) return false;
  seen_ = *last + 1;
  return true;
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

size_t News::take(Record* out, size_t max, uint64_t* ranges) {
  size_t count = take_from(&before_, out, max);
  Range part[64];
  while (count < max && !completed_.empty()) {
    const size_t taken = completed_.take(part, std::min(max - count, std::size(part)));
    for (size_t i = 0; i < taken; ++i) {
      const Range& range = part[i];
      const uint32_t kind = range.outcome == Outcome::kFailed
                                ? static_cast<uint32_t>(Record::kFailure) + range.error
                                : static_cast<uint32_t>(range.outcome);
      out[count++] = {kind, range.first, range.last};
    }
    *ranges += taken;
  }
  if (completed_.empty()) count += take_from(&after_, out + count, max - count);
  return count;
}

}  // namespace zerosend
