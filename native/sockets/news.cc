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
