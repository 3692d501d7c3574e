#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/id_ring.h"
#include "core/range.h"

namespace zerosend {

// One record for JavaScript. Kinds below kDrain are Outcomes, with a range of ids; ranges that
// failed have the kind kFailure.
struct Record {
  enum Kind : uint32_t {
    kDrain = 8,      // the queue has emptied; first: the next id, since later ones may wait again
    kConnected = 9,  // a TCP connection is up
    kError = 10,  // first: errno; last: 0 while connecting, 1 afterwards, 2 of reading completions
    kStamp = 12,  // first: an id; last: seconds of CLOCK_REALTIME; its second half follows:
    kStamped = 17,   // and up, plus the stage: first: nanoseconds; last: nanoseconds since the send
    kPassed = 13,    // first: an id that fails, past whose place in the ring the kernel has gone
    kRetired = 11,   // first: an id whose memory must never be written or freed again
    kLinkDown = 14,  // frames were handed over while the interface could not send
    kPeerEnded = 15,   // of a TCP connection that closes: the peer has ended its side
    kWaiting = 16,     // of a socket with a channel: a send has found no room
    kFailure = 65536,  // and up, plus the reason: a range of ids that failed for it
  };
  uint32_t kind;
  uint64_t first;
  uint64_t last;
};

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

  // Finds out which ids have been added since it was asked last, as far as they are in the latest
  // range, and whether they were sent. Returns whether there are any.
  bool latest(uint64_t* first, uint64_t* last);

  // Moves up to `max` ranges to `out`, in order of their ids among all that is pending now.
  size_t take(Range* out, size_t max);

 private:
  void sort_and_merge();

  std::vector<Range> ranges_;
  size_t next_ = 0;     // ranges before this one have been taken
  bool sorted_ = true;  // false once a range arrived that starts before its predecessor ends
  uint64_t seen_ = 0;   // the id behind those that latest() has told of
};

// The records of a socket that JavaScript has not taken yet: what has to precede completions, the
// completions, and what has to follow them. It is used under the lock of the socket.
class News {
 public:
  bool empty() const { return before_.empty() && completed_.empty() && after_.empty(); }

  // Adds a range of ids that has completed. `error` is the reason of kFailed: an errno, a Refusal
  // or kGivenUp.
  void complete(uint64_t first, uint64_t last, Outcome outcome, int error) {
    completed_.add(first, last, outcome, static_cast<uint16_t>(error));
  }
  // Adds a record that has to precede the completion of its id; rare.
  void tell_before(Record::Kind kind, uint64_t id, uint64_t detail = 0) {
    before_.push({kind, id, detail});
  }
  // Adds a record that has to follow the completions so far: an error comes after the ids that it
  // has ended.
  void tell(uint32_t kind, uint64_t first = 0, uint64_t last = 0) {
    after_.push({kind, first, last});
  }

  // Finds out which ids have ended lately, and have to be told of by take() still: the end of the
  // latest range, from the first id on that it has not been asked for. `*ended` becomes their first
  // and last. Returns whether there are any.
  bool latest_ended(Record* ended) { return completed_.latest(&ended->first, &ended->last); }

  // Moves up to `max` records to `out`, in the order in which they are to be told; returns their
  // number, and adds to `*ranges` how many of them were ranges of ids. A backlog can be long, and
  // is taken in small parts.
  size_t take(Record* out, size_t max, uint64_t* ranges);

 private:
  IdRing<Record> before_{0, 2};
  Coalescer completed_;
  IdRing<Record> after_{0, 2};
};

}  // namespace zerosend
