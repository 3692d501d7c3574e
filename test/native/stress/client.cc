#include "client.h"

#include <cstring>
#include <utility>
#include <vector>

#include "check.h"

namespace stress {

using zerosend::Counter;
using zerosend::Record;

uint64_t sends_of(zerosend::Socket& socket) {
  zerosend::Counters counters = socket.counters();
  return counters[Counter::sends];
}

void Client::take_in(const Record& record) {
  switch (record.kind) {
    case Record::kDrain:
      // An earlier drain, if the queue has filled again since.
      MUST(record.first <= next_id, "key %u: a drain of the future", key);
      if (last_queued < record.first) need_drain = false;
      return;
    case Record::kConnected:
      MUST(tcp() && state != State::kOpen, "key %u: connected twice", key);
      if (state == State::kConnecting) state = State::kOpen;
      return;
    case Record::kError:
      MUST(!errored, "key %u: a second error (errno %" PRIu64 ")", key, record.first);
      MUST(tcp(), "key %u: a socket without a connection failed with errno %" PRIu64, key,
           record.first);
      errored = true;
      return;
    case Record::kStamp:
      MUST(!in_stamp_, "key %u: half a timestamp", key);
      MUST(record.first >= first_id && record.first < next_id, "key %u: id %" PRIu64 " is stamped",
           key, record.first);
      in_stamp_ = true;
      return;
    case Record::kStamped:
    case Record::kStamped + 1:
    case Record::kStamped + 2:
      MUST(in_stamp_, "key %u: half a timestamp", key);
      MUST(record.first < 1'000'000'000, "key %u: %" PRIu64 " nanoseconds", key, record.first);
      in_stamp_ = false;
      ++stamps_;
      return;
    case Record::kRetired:
      retire(record.first);
      return;
    case Record::kPassed:
      MUST(kind == Kind::kPacket, "key %u: a socket without a ring order is told of a place", key);
      MUST(holders_.count(record.first) > 0, "key %u: id %" PRIu64 " passed after it completed",
           key, record.first);
      MUST(passed_.insert(record.first).second, "key %u: id %" PRIu64 " passed twice", key,
           record.first);
      ++passed_count_;
      return;
    case Record::kLinkDown:
      MUST(ring(), "key %u: a socket without an interface is told of one", key);
      return;
    case Record::kPeerEnded:
      MUST(kind == Kind::kTcp, "key %u: no connection, whose peer has ended", key);
      return;
    default:
      break;
  }
  uint32_t kind = record.kind;
  if (kind >= Record::kFailure) {
    MUST(kind > Record::kFailure, "key %u: id %" PRIu64 " failed for no reason", key, record.first);
    kind = static_cast<uint32_t>(zerosend::Outcome::kFailed);
  }
  MUST(kind < 5, "a record of kind %u", kind);
  MUST(record.first <= record.last && record.last < next_id && record.first >= first_id,
       "key %u: ids %" PRIu64 "..%" PRIu64 " completed, but next is %" PRIu64, key, record.first,
       record.last, next_id);
  for (uint64_t id = record.first; id <= record.last; ++id) complete(id, kind);
}

void Client::complete(uint64_t id, uint32_t kind) {
  const auto found = holders_.find(id);
  MUST(found != holders_.end(), "key %u: id %" PRIu64 " completed twice", key, id);
  ++by_kind_[kind];
  Holder holder = std::move(found->second);
  holders_.erase(found);
  const bool passed = passed_.erase(id) > 0;
  const bool failed = kind == static_cast<uint32_t>(zerosend::Outcome::kFailed);
  MUST(failed || !passed, "key %u: id %" PRIu64 " was passed, and ended in way %u", key, id, kind);
  if (holder.pool != nullptr) {
    if (failed && !passed) {
      holder.pool->never_sent(holder.slot);
    } else {
      holder.pool->completed(holder.slot);
    }
  } else {
    std::memset(holder.plain.get(), 0xdd, holder.length);
  }
}

void Client::retire(uint64_t id) {
  const auto found = holders_.find(id);
  MUST(found != holders_.end(), "key %u: id %" PRIu64 " retired after it completed", key, id);
  MUST(aborted, "key %u: id %" PRIu64 " retired without an abort", key, id);
  if (found->second.pool != nullptr) {
    found->second.pool->retire(found->second.slot);
    return;
  }
  // For ever, and away from where it will be overwritten.
  static std::vector<std::unique_ptr<uint8_t[]>> lost;
  lost.push_back(std::move(found->second.plain));
  found->second.plain = std::make_unique<uint8_t[]>(found->second.length);
}

void Client::check(const zerosend::Counters& constant) const {
  zerosend::Counters counters = constant;
  MUST(passed_.empty(), "key %u: ids were passed that did not fail", key);
  MUST(holders_.empty(), "key %u: %zu ids are outstanding at the end", key, holders_.size());
  MUST(counters[Counter::sends] == given() && counters[Counter::completed] == given(),
       "key %u: %" PRIu64 " sends, the library says %" PRIu64 " and %" PRIu64 " completed", key,
       given(), counters[Counter::sends], counters[Counter::completed]);
  constexpr Counter kKinds[] = {Counter::zerocopy, Counter::copied, Counter::inlined,
                                Counter::revoked, Counter::failed};
  for (size_t kind = 0; kind < 5; ++kind) {
    MUST(counters[kKinds[kind]] == by_kind_[kind],
         "key %u: %" PRIu64 " ids of kind %zu, the library says %" PRIu64, key, by_kind_[kind],
         kind, counters[kKinds[kind]]);
  }
  MUST(counters[Counter::timestamps] == stamps_ + counters[Counter::unknownStamps],
       "key %u: %" PRIu64 " timestamps", key, stamps_);
  MUST(counters[Counter::unknownIds] == 0, "key %u: unknown ids", key);
  MUST(counters[Counter::duplicateIds] == 0, "key %u: duplicate ids", key);
  MUST(counters[Counter::phantomIds] == 0, "key %u: phantom ids", key);
  MUST(!expect_error || errored || aborted, "key %u: it failed, but no error was reported", key);
  if (aborted || errored) return;
  // A single datagram or frame may be refused, behind others of the same call or of the queue.
  MUST(revoked() == 0 && (!tcp() || failed() == 0),
       "key %u: %" PRIu64 " revoked, %" PRIu64 " failed", key, revoked(), failed());
  MUST(!need_drain, "key %u: the queue emptied, but no drain was reported", key);
}

}  // namespace stress
