#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace zerosend {

// Foresees which socket of a thread sends next: the one that has followed the last time. Sockets
// that take turns mostly do so in the same order, and what a send touches of its socket is in no
// cache when its turn comes, unless it was fetched during the send before. JavaScript thread.
class SendOrder {
 public:
  // A socket sends now, of so many numbers. Returns the number of the one that is likely to send
  // next; 0, which is none's, where that is not known, and while one socket sends alone.
  uint32_t follow(uint32_t number) { return number == latest_ ? 0 : follow_other(number); }

 private:
  uint32_t follow_other(uint32_t number) {
    if (number >= followers_.size()) followers_.resize(2 * size_t{number} + 1);
    followers_[latest_] = number;
    latest_ = number;
    return followers_[number];
  }

  std::vector<uint32_t> followers_{0};
  uint32_t latest_ = 0;
};

}  // namespace zerosend
