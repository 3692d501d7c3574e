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
  uint32_t follow(uint32_t number) {
    if (number != latest_) return follow_other(number);
    period_ = 0;
    return 0;
  }

  // A socket has closed: its number may be given to another one, of which nothing is known.
  void forget(uint32_t number) {
    if (number < known_.size()) known_[number] = {};
    if (number == latest_) latest_ = 0;
  }

  // Of the socket that sends now: how many turns of sockets ago its turn was before, this one
  // included; 0 where it had none.
  uint32_t period() const { return period_; }

 private:
  struct Known {
    uint32_t follower = 0;
    uint32_t turn = 0;  // its latest
  };

  uint32_t follow_other(uint32_t number) {
    if (number >= known_.size()) known_.resize(2 * size_t{number} + 1);
    known_[latest_].follower = number;
    latest_ = number;
    Known& known = known_[number];
    ++turn_;
    period_ = known.turn == 0 ? 0 : turn_ - known.turn;
    known.turn = turn_;
    return known.follower;
  }

  std::vector<Known> known_{Known{}};
  uint32_t latest_ = 0;
  uint32_t turn_ = 0;
  uint32_t period_ = 0;
};

}  // namespace zerosend
