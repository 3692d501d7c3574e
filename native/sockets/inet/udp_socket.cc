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
  const Whole whole = splitting_ ? whole_to(destination) : Whole::kUsual;
  const bool split = whole == Whole::kNo;
  Tries tries{may_zerocopy(source) && !split, split, source.extent_count > 0};
  const bool connected = destination == nullptr || destination->length == 0;
  const sockaddr* to = connected ? nullptr : &destination->base;
  const socklen_t to_length = connected ? 0 : destination->length;
  const uint32_t length = source.length - offset;
  for (;;) {
    if (tries.zerocopy && !ledger_.certain()) {
      const int error = ask_for_count(to, to_length);
      if (error == EAGAIN) return refused(back_off(error));  // nor would a copy have room
      if (error != 0) {
        note_fallback();
        tries.zerocopy = false;
      }
    }
    const ssize_t accepted =
        tries.split ? send_segments(source, offset, destination)
                    : hand_over(source, offset, length, send_flags(tries.zerocopy), to, to_length);
    if (accepted >= 0) {
      // The error that stopped sendmmsg did not come again, so it was about an earlier datagram.
      if (std::exchange(stopped_early_, false)) ++tries.earlier;
      if (tries.earlier > 0) counters_[Counter::softErrors] += tries.earlier;
      if (whole == Whole::kTry && !tries.split) stop_splitting();
      return {accepted, tries.zerocopy, 0};
    }
    if (const int error = answer_refusal(errno, destination, &tries)) return refused(error);
  }
}

// Writes where each of the messages that were gathered goes.
void UdpSocket::address_batch(size_t gathered, const Destinations& to) {
  if (to.first == nullptr && !batch_->addressed) return;
  // What has no destination must not keep that of an earlier call, however few come now.
  const size_t count = to.first == nullptr ? Batch::kSize : gathered;
  for (size_t i = 0; i < count; ++i) {
    const Address* const destination = to.of(i);
    const bool connected = destination == nullptr || destination->length == 0;
    msghdr& header = batch_->messages[i].msg_hdr;
    header.msg_name = connected ? nullptr : const_cast<sockaddr*>(&destination->base);
    header.msg_namelen = connected ? 0 : destination->length;
  }
  batch_->addressed = to.first != nullptr;
}

size_t UdpSocket::transmit_batch(const Source* sources, size_t count, const Destinations& to) {
  const bool zerocopy = may_zerocopy(sources[0]);
  if (zerocopy && !ledger_.certain()) {
    const bool connected = to.first == nullptr || to.first->length == 0;
    const int error =
        connected ? ask_for_count(nullptr, 0) : ask_for_count(&to.first->base, to.first->length);
    if (error != 0) return 0;
  }
  if (is_splitting()) return 0;
  // The sends are booked before the call, which takes messages whole or not at all: after it, what
  // a message touches would no longer be in the cache.
  const bool ahead = zerocopy && !stamps_;
  uint64_t bytes = 0;
  const size_t gathered = gather(sources, count, [&](const Source& source) {
    assert_locked();
    bytes += source.length;
    if (ahead) ledger_.add_sent(source);
  });
  address_batch(gathered, to);
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
  // The error that stopped the last call did not come again, so it was about an earlier datagram.
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
