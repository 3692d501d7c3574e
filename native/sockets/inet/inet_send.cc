// InetSocket: sends, from what JavaScript asks for to their ids. Everything here runs under the
// lock: accept_piece() on either thread, the rest on the JavaScript thread.

#include <algorithm>
#include <cerrno>

#include "sockets/inet/inet_socket.h"

namespace zerosend {

int32_t InetSocket::do_send(const Source& source, const Address* destination, bool* done) {
  if (!slabs_.keep(source.slab, 1, ledger_.next_send()))
    return -static_cast<int32_t>(Refusal::kWrongPool);
  return send_one(source, destination, done);
}

int32_t InetSocket::do_send_extents(Source source, const Extent* extents, size_t count,
                                    const Address* destination) {
  const uint64_t id = ledger_.next_send();
  for (size_t i = 0; i < count; ++i) {
    // As for two sends: the send at hand has memory of both slabs where there are two.
    if (!slabs_.keep(extents[i].slab, 2, id)) return -static_cast<int32_t>(Refusal::kWrongPool);
  }
  extents_.let_go(ledger_.oldest_send());
  source.extents = extents_.keep(extents, count, id);
  source.extent_count = static_cast<uint8_t>(count);
  const int32_t code = send_one(source, destination);
  if (code < 0) extents_.take_back();
  return code;
}

int32_t InetSocket::send_one(const Source& source, const Address* destination, bool* done) {
  Attempt attempt{-1, false, EAGAIN};
  if (queue_.empty()) {
    attempt = transmit(source, destination, 0, Budget::kMostBytes);
    if (attempt.accepted < 0 && attempt.error != EAGAIN) {
      if (response(attempt.error) == Response::kEnd) fail(attempt.error, false);
      return -attempt.error;
    }
  }
  const auto accepted = static_cast<uint32_t>(std::max<ssize_t>(attempt.accepted, 0));
  if (accepted == source.length) {
    accept_whole(source, attempt.zerocopy, done);
    return 0;
  }
  const uint64_t id = ledger_.open(source);
  count_send(source.length);
  if (accepted == 0) {
    enqueue(id, destination, 0);
  } else {
    accept_piece(id, attempt.zerocopy, accepted, false);
    send_rest(id, destination, accepted);
  }
  return 0;
}

int32_t InetSocket::do_send_run(const Run& run, const Destinations& to) {
  if (run_.size() < run.count) run_.resize(run.count);
  for (size_t i = 0; i < run.count; ++i) {
    const size_t size = run.slab->slot_size();
    if (run.begin(i) > size || run.length(i) > size - run.begin(i)) return -EINVAL;
    if (run.length(i) == 0) return -EINVAL;
    run_[i] = run.source(i);
  }
  return do_send_many(run_.data(), run.count, to);
}

int32_t InetSocket::do_send_many(const Source* sources, size_t count, const Destinations& to) {
  for (size_t i = 0; i < count; ++i) {
    if (!slabs_.keep(sources[i].slab, count, ledger_.next_send())) {
      return -static_cast<int32_t>(Refusal::kWrongPool);
    }
  }
  size_t done = 0;
  while (done < count) {
    // A longer one goes out in parts, by itself. For one that is alone, sendto has less to read.
    const bool several = count > 1 && sources[done].length <= Budget::kMostBytes;
    if (several && queue_.empty() && !failed_) {
      const size_t sent = transmit_batch(sources + done, count - done, to.from(done));
      done += sent;
      if (sent > 0) continue;
    }
    const int32_t code = failed_ ? -reason() : send_one(sources[done], to.of(done));
    if (code < 0) {
      if (done == 0) return code;
      // Earlier messages of the call have ids already, so this one takes its own and fails.
      refuse(sources[done], -code);
    }
    ++done;
  }
  return 0;
}

void InetSocket::refuse(const Source& source, int error) {
  note_hole(error);
  const uint64_t id = ledger_.open(Source{});
  count_send(source.length);
  count_unsent(source.length);
  ledger_.fail(id, completer(), static_cast<uint16_t>(error));
}

// The kernel took all of a send at once. `*done`, unless null, becomes true in place of a record
// when that has completed it.
void InetSocket::accept_whole(const Source& source, bool zerocopy, bool* done) {
  const uint32_t length = source.length;
  count_send(length);
  ++counters_[Counter::kernelSends];
  uint64_t id;
  if (zerocopy) {
    ++counters_[Counter::kernelIds];
    id = ledger_.add_sent(source);
  } else {
    id = ledger_.add_copied();
    if (done == nullptr) {
      complete(id, Outcome::kInline);
    } else {
      count_completed(1, Outcome::kInline);
      *done = true;
    }
  }
  if (stamps_) stamps_->accepted(id, length, true);
}

void InetSocket::accept_piece(uint64_t id, bool zerocopy, uint32_t bytes, bool last) {
  if (stamps_) stamps_->accepted(id, bytes, last);
  ++counters_[Counter::kernelSends];
  if (zerocopy) {
    ++counters_[Counter::kernelIds];
    ledger_.add_zerocopy_piece(id);
  } else {
    ledger_.add_inline_piece(id);
  }
}

// A message of sendmmsg was accepted, of a stream perhaps in part: the kernel stops at that one.
void InetSocket::accept_message(const Source& source, bool zerocopy, uint32_t bytes) {
  if (bytes == source.length) {
    accept_whole(source, zerocopy);
    return;
  }
  const uint64_t id = ledger_.open(source);
  count_send(source.length);
  accept_piece(id, zerocopy, bytes, false);
  enqueue(id, nullptr, bytes);
}

}  // namespace zerosend
