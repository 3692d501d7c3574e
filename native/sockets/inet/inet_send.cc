// InetSocket: handing data to the kernel. Everything here runs under the lock, on the JavaScript
// thread (send, send_many, poll) or on the poller thread (flush).

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "kernel/syscalls.h"
#include "sockets/inet/inet_socket.h"

namespace zerosend {
namespace {

int send_flags(bool zerocopy) {
  return MSG_DONTWAIT | MSG_NOSIGNAL | (zerocopy ? MSG_ZEROCOPY : 0);
}

}  // namespace

// One message, or the rest of one, to the kernel. By sendto, not sendmsg: with one piece of memory
// and no control message there is nothing that the kernel would have to fetch first, which makes 7
// % of a send.
ssize_t InetSocket::hand_over(const uint8_t* data, size_t length, int flags, const sockaddr* to,
                              socklen_t to_length) {
  if (!stamps_) return sys.sendto(fd_, data, length, flags, to, to_length);
  begin_stamping();
  if (!stamps_->names_keys()) return sys.sendto(fd_, data, length, flags, to, to_length);
  StampKey key(stamps_->key(0));
  iovec part{const_cast<uint8_t*>(data), length};
  msghdr message{};
  message.msg_name = const_cast<sockaddr*>(to);
  message.msg_namelen = to_length;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  key.attach(&message);
  return sys.sendmsg(fd_, &message, flags);
}

// One message to the kernel, with what each refusal calls for.
InetSocket::Attempt InetSocket::transmit(const Source& source, const Address* destination,
                                         uint32_t offset) {
  const Whole whole = splitting_ ? whole_to(destination) : Whole::kUsual;
  bool split = whole == Whole::kNo;
  bool zerocopy = source.zerocopy && zerocopy_granted_ && !split;
  int earlier = 0;  // refusals so far that may have been about earlier datagrams
  int emptied = 0;  // refusals for want of buffers with nothing of the socket in the kernel
  const bool connected = destination == nullptr || destination->length == 0;
  const sockaddr* to = connected ? nullptr : &destination->base;
  const socklen_t to_length = connected ? 0 : destination->length;
  for (;;) {
    if (zerocopy && !ledger_.certain()) {
      const int error = ask_for_count(to, to_length);
      if (error == EAGAIN) return {-1, false, back_off(error)};  // nor would a copy have room
      zerocopy = error == 0;
      if (!zerocopy) ++counters_[Counter::inlineFallbacks];
    }
    const uint8_t* const data = source.data + offset;
    const uint32_t length = source.length - offset;
    const ssize_t accepted = split ? send_segments(data, length, destination)
                                   : hand_over(data, length, send_flags(zerocopy), to, to_length);
    if (accepted >= 0) {
      if (earlier > 0) counters_[Counter::softErrors] += static_cast<uint64_t>(earlier);
      if (whole == Whole::kTry && !split) stop_splitting();
      return {accepted, zerocopy, 0};
    }
    const int error = errno;
    const size_t freed = settle_refusal(error, zerocopy);
    switch (response(error)) {
      case Response::kAgain:
        continue;
      case Response::kBuffers:
        if (zerocopy) {
          if (freed > 0) continue;
          // Nothing is left to reap. Waiting could be for ever: with nothing in flight (the memory
          // lock limit, charged to all processes of the user) no completion will ever come.
          ++counters_[Counter::inlineFallbacks];
          zerocopy = false;
          continue;
        }
        if (protocol_ == Protocol::kUdp && !reports_drops() && holds_nothing()) {
          // Again: what the kernel held may have left since it refused, or memory was short for a
          // moment. If not, the datagram needs more than the send buffer ever has
          // (__ip_append_data).
          if (++emptied < kTriesOfEmptied) continue;
          return {-1, false, error};
        }
        return {-1, false, back_off(error)};
      case Response::kRoom:
        return {-1, false, back_off(error)};
      case Response::kEarlier:
      case Response::kMaybe:
        if (earlier == 0 && !hears_of_earlier()) return {-1, false, error};
        if (++earlier < kTriesOfEarlier) {
          // In a flood of ICMP each try takes one of its errors away, and has to be quicker than
          // it.
          if (earlier > 1) zerocopy = false;
          continue;
        }
        if (response(error) == Response::kMaybe) return {-1, false, error};
        return {-1, false, back_off(error)};
      case Response::kRefuse:
        if (error == EIO && !split && start_splitting(destination)) {
          split = true;
          zerocopy = false;
          stopped_early_ = false;  // it was no earlier datagram that sendmmsg has stopped at
          continue;
        }
        return {-1, false, error};
      case Response::kEnd:
        return {-1, false, error};
    }
  }
}

// The kernel took all of a send at once.
void InetSocket::accept_whole(const Source& source, bool zerocopy) {
  const uint32_t length = source.length;
  count_send(length);
  ++counters_[Counter::kernelSends];
  uint64_t id;
  if (zerocopy) {
    ++counters_[Counter::kernelIds];
    id = ledger_.add_sent(source);
  } else {
    id = ledger_.open(source);
    ledger_.add_inline_piece(id);
    ledger_.close(id, completer());
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

// Hands the rest of an open send to the kernel, piece by piece, and moves `*offset` along. Not more
// of a stream at once than the budget has, since the call would keep the lock for as long as the
// peer takes in what it is sent.
InetSocket::Push InetSocket::push(uint64_t id, const Address* destination, uint32_t* offset,
                                  Budget* budget, int* error) {
  do {
    const Source& source = ledger_.payload(id);
    const uint32_t length = source.length;
    const Attempt attempt =
        transmit(beginning_of(source, *offset + budget->bytes), destination, *offset);
    if (attempt.accepted < 0) {
      *error = attempt.error;
      return attempt.error == EAGAIN ? Push::kNoRoom : Push::kRefused;
    }
    const auto bytes = static_cast<uint32_t>(attempt.accepted);
    budget->spend(bytes);
    *offset += bytes;
    accept_piece(id, attempt.zerocopy, bytes, *offset >= length);
    if (*offset >= length) return Push::kDone;
  } while (!budget->is_spent());
  return Push::kSpent;
}

// A stream may be cut anywhere.
Source InetSocket::beginning_of(const Source& source, uint64_t most) const {
  Source part = source;
  if (protocol_ == Protocol::kTcp) {
    part.length = static_cast<uint32_t>(std::min<uint64_t>(source.length, most));
  }
  return part;
}

void InetSocket::enqueue(uint64_t id, const Address* destination, uint32_t offset) {
  queue_.push({id, offset, destination == nullptr ? Address{} : *destination});
  note_queued();
}

void InetSocket::fail_queued() {
  retry_delay_ = {};
  while (!queue_.empty()) {
    const Queued& entry = queue_.front();
    give_up(entry.id, entry.offset, reason());
    queue_.pop_front();
  }
}

int32_t InetSocket::do_send(const Source& source, const Address* destination) {
  if (!keep(source.slab, 1)) return -static_cast<int32_t>(Refusal::kWrongPool);
  return send_one(source, destination);
}

int32_t InetSocket::send_one(const Source& source, const Address* destination) {
  Attempt attempt{-1, false, EAGAIN};
  if (queue_.empty()) {
    attempt = source.length <= Budget::kMostBytes
                  ? transmit(source, destination, 0)
                  : transmit(beginning_of(source, Budget::kMostBytes), destination, 0);
    if (attempt.accepted < 0 && attempt.error != EAGAIN) {
      if (response(attempt.error) == Response::kEnd) fail(attempt.error, false);
      return -attempt.error;
    }
  }
  const auto accepted = static_cast<uint32_t>(std::max<ssize_t>(attempt.accepted, 0));
  if (accepted == source.length) {
    accept_whole(source, attempt.zerocopy);
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

// A part is on its way, so the id is taken: whatever becomes of the rest, the send is accepted.
void InetSocket::send_rest(uint64_t id, const Address* destination, uint32_t offset) {
  int error = 0;
  Budget budget;
  budget.spend(offset);
  if (budget.is_spent()) {
    enqueue(id, destination, offset);
    return;
  }
  switch (push(id, destination, &offset, &budget, &error)) {
    case Push::kDone:
      ledger_.close(id, completer());
      break;
    case Push::kNoRoom:
    case Push::kSpent:
      enqueue(id, destination, offset);
      break;
    case Push::kRefused:
      give_up(id, offset, error);
      if (protocol_ == Protocol::kTcp) fail(error, false);
      break;
  }
}

// Sends a run of messages that agree on zero copy with one system call, and books what was
// accepted. Returns how many sources are dealt with; 0 leaves the first one to send_one(), which
// knows what to do about each error.
size_t InetSocket::transmit_batch(const Source* sources, size_t count) {
  const bool zerocopy = sources[0].zerocopy && zerocopy_granted_;
  if (zerocopy && !ledger_.certain() && ask_for_count(nullptr, 0) != 0) return 0;
  if (is_splitting()) return 0;
  if (sources[0].length > Budget::kMostBytes) return 0;  // send_one() sends it in parts
  if (!batch_) batch_ = std::make_unique<Batch>();
  // Booked before the call where it takes messages whole or not at all: afterwards none of what a
  // message touches would be in the cache any more.
  const bool ahead = zerocopy && protocol_ == Protocol::kUdp && !stamps_;
  size_t run = 0;
  uint64_t bytes = 0;
  for (; run < std::min(count, Batch::kSize); ++run) {
    const Source& source = sources[run];
    if ((source.zerocopy && zerocopy_granted_) != zerocopy) break;
    batch_->parts[run] = {const_cast<uint8_t*>(source.data), source.length};
    bytes += source.length;
    if (ahead) ledger_.add_sent(source);
  }
  if (stamps_) stamp_batch(run);
  const int answer =
      sys.sendmmsg(fd_, batch_->messages, static_cast<unsigned>(run), send_flags(zerocopy));
  const int errno_of_call = errno;
  const size_t accepted = answer > 0 ? static_cast<size_t>(answer) : 0;
  if (ahead) {
    ledger_.retract_sent(run - accepted);
    for (size_t i = accepted; i < run; ++i) bytes -= sources[i].length;
    counters_[Counter::sends] += accepted;
    counters_[Counter::bytes] += bytes;
    counters_[Counter::kernelSends] += accepted;
    counters_[Counter::kernelIds] += accepted;
  } else {
    for (size_t i = 0; i < accepted; ++i) {
      accept_message(sources[i], zerocopy, batch_->messages[i].msg_len);
    }
  }
  // What the last call stopped at was not met again, so it was about an earlier datagram.
  if (accepted > 0 && stopped_early_) ++counters_[Counter::softErrors];
  stopped_early_ = false;
  if (accepted == run) return accepted;
  // Behind the first message the errno is not reported, and what it was about has to be found out
  // by trying again.
  const int error = accepted == 0 ? errno_of_call : 0;
  if (stamps_) stamps_->skip(run - accepted - 1);
  settle_refusal(error, zerocopy);
  stopped_early_ = protocol_ == Protocol::kUdp && (accepted > 0 || may_be_earlier(error));
  return accepted;
}

// Before each system call that sends. Where keys were lost count of, the kernel counts anew as soon
// as it holds nothing any more whose timestamps could be taken for those of what follows.
void InetSocket::begin_stamping() {
  if (stamps_->paused() && holds_nothing()) {
    drain_all();
    stamps_->resume(fd_);
  }
  stamps_->about_to_send();
}

void InetSocket::stamp_batch(size_t count) {
  begin_stamping();
  if (!stamps_->names_keys()) return;
  if (batch_->keys.empty()) batch_->keys.resize(Batch::kSize);
  for (size_t i = 0; i < count; ++i) {
    batch_->keys[i] = StampKey(stamps_->key(static_cast<uint32_t>(i)));
    batch_->keys[i].attach(&batch_->messages[i].msg_hdr);
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

int32_t InetSocket::do_send_run(const Run& run) {
  if (run_.size() < run.count) run_.resize(run.count);
  for (size_t i = 0; i < run.count; ++i) {
    run_[i] = run.source(i);
    if (run_[i].length == 0 || run_[i].length > run.slab->slot_size()) return -EINVAL;
  }
  return do_send_many(run_.data(), run.count);
}

int32_t InetSocket::do_send_many(const Source* sources, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (!keep(sources[i].slab, count)) return -static_cast<int32_t>(Refusal::kWrongPool);
  }
  size_t done = 0;
  while (done < count) {
    if (queue_.empty() && !failed_) {
      const size_t sent = transmit_batch(sources + done, count - done);
      done += sent;
      if (sent > 0) continue;
    }
    const uint32_t length = sources[done].length;
    const int32_t code = failed_ ? -reason() : send_one(sources[done], nullptr);
    if (code == 0 && queue_.empty() && stopped_early_) ++counters_[Counter::softErrors];
    stopped_early_ = false;
    if (code < 0) {
      if (done == 0) return code;
      // Earlier messages of the call have ids already, so this one takes its own and fails; and a
      // stream cannot go on behind the hole.
      if (protocol_ == Protocol::kTcp) fail(-code, false);
      const uint64_t id = ledger_.open(Source{});
      count_send(length);
      count_unsent(length);
      ledger_.fail(id, completer(), static_cast<uint16_t>(-code));
    }
    ++done;
  }
  return 0;
}

// Returns whether it could go on at once: the budget is spent, and the kernel has room.
bool InetSocket::flush() {
  if (queue_.empty() || failed_) return false;
  if (retry_delay_.count() > 0 && std::chrono::steady_clock::now() < retry_at_) return false;
  Budget budget;
  while (!queue_.empty()) {
    if (budget.is_spent()) return true;
    Queued& entry = queue_.front();
    int error = 0;
    const Push result = push(entry.id, &entry.destination, &entry.offset, &budget, &error);
    if (result == Push::kNoRoom) return false;
    retry_delay_ = {};
    if (result == Push::kSpent) return true;
    if (result == Push::kDone) {
      ledger_.close(entry.id, completer());
    } else if (protocol_ == Protocol::kTcp) {
      // A stream cannot go on behind a hole, whatever the error was about.
      fail(error, false);  // fails this entry and all behind it
      return false;
    } else {
      budget.spend(0);
      give_up(entry.id, entry.offset, error);
    }
    queue_.pop_front();
  }
  note_drained();
  return false;
}

}  // namespace zerosend
