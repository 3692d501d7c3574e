// UdpSocket: datagrams on their way out, and what comes back. Everything here runs under the lock,
// on the JavaScript thread or, with what was queued and read, on the poller thread.

#include "sockets/inet/udp_socket.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "kernel/syscalls.h"

namespace zerosend {

UdpSocket::UdpSocket(const Setup& setup) : InetSocket(setup) {
  if (setup.timestamps == Timestamps::kNone) return;
  stamps_ = std::make_unique<StampTracker>(setup.timestamps, kernel_takes_keys()
                                                                 ? StampTracker::Keys::kNamed
                                                                 : StampTracker::Keys::kCounted);
  timestamp_error_ = stamps_->start(fd_);
}

UdpSocket::~UdpSocket() { close_locked(); }

InetSocket::Attempt UdpSocket::transmit(const Source& source, const Address* destination,
                                        uint32_t offset, size_t) {
  const Attempt attempt = try_to_send(source, destination, offset);
  // What sendmmsg stopped at was not met again, so it was about an earlier datagram.
  if (std::exchange(stopped_early_, false) && attempt.accepted >= 0) {
    ++counters_[Counter::softErrors];
  }
  return attempt;
}

InetSocket::Attempt UdpSocket::try_to_send(const Source& source, const Address* destination,
                                           uint32_t offset) {
  const Whole whole = splitting_ ? whole_to(destination) : Whole::kUsual;
  bool split = whole == Whole::kNo;
  bool zerocopy = may_zerocopy(source) && !split;
  int earlier = 0;  // refusals so far that may have been about earlier datagrams
  int emptied = 0;  // refusals for want of buffers with nothing of the socket in the kernel
  const bool connected = destination == nullptr || destination->length == 0;
  const sockaddr* to = connected ? nullptr : &destination->base;
  const socklen_t to_length = connected ? 0 : destination->length;
  const uint8_t* const data = source.data + offset;
  const uint32_t length = source.length - offset;
  for (;;) {
    if (zerocopy && !ledger_.certain()) {
      const int error = ask_for_count(to, to_length);
      if (error == EAGAIN) return {-1, false, back_off(error)};  // nor would a copy have room
      zerocopy = error == 0;
      if (!zerocopy) note_fallback();
    }
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
          note_fallback();
          zerocopy = false;
          continue;
        }
        if (!reports_drops() && holds_nothing()) {
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

size_t UdpSocket::transmit_batch(const Source* sources, size_t count) {
  const bool zerocopy = may_zerocopy(sources[0]);
  if (zerocopy && !ledger_.certain() && ask_for_count(nullptr, 0) != 0) return 0;
  if (is_splitting()) return 0;
  // Booked before the call, which takes messages whole or not at all: afterwards none of what a
  // message touches would be in the cache any more.
  const bool ahead = zerocopy && !stamps_;
  uint64_t bytes = 0;
  const size_t gathered = gather(sources, count, [&](const Source& source) {
    assert_locked();
    bytes += source.length;
    if (ahead) ledger_.add_sent(source);
  });
  int error = 0;
  const size_t accepted = hand_over_batch(gathered, zerocopy, &error);
  if (ahead) {
    ledger_.retract_sent(gathered - accepted);
    for (size_t i = accepted; i < gathered; ++i) bytes -= sources[i].length;
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
  if (std::exchange(stopped_early_, false) && accepted > 0) ++counters_[Counter::softErrors];
  if (accepted == gathered) return accepted;
  // Behind the first message the errno is not reported, and what it was about has to be found out
  // by trying again.
  if (stamps_) stamps_->skip(gathered - accepted - 1);
  settle_refusal(error, zerocopy);
  stopped_early_ = accepted > 0 || may_be_earlier(error);
  return accepted;
}

bool UdpSocket::wants_arming() const { return is_outstanding() || (stamps_ && !failed_); }

// An ICMP error is about a datagram that was sent before.
void UdpSocket::note_error(int) { ++counters_[Counter::softErrors]; }

// All questions so far have been answered when the queue is empty and a doubt less is left: the
// answer to the latest is the kernel's count.
void UdpSocket::note_reading(const Drained& drained, uint64_t doubts_before) {
  if (drained.notified) asked_in_vain_ = 0;
  const uint64_t answers = std::min(drained.phantoms, unread_answers_);
  unread_answers_ -= answers;
  counters_[Counter::phantomIds] += drained.phantoms - answers;
  if (drained.end == EAGAIN && ledger_.doubts() < doubts_before) forget_questions();
}

Socket::State UdpSocket::do_state() const {
  State state = InetSocket::do_state();
  state.ids_uncertain = asked_in_vain_ >= kLasting && !ledger_.certain();
  state.splits_sends = is_splitting();
  return state;
}

}  // namespace zerosend
