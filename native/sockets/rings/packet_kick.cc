// PacketSocket: makes the kernel look at the ring, and go on where it has stopped. Under the lock,
// on either thread; do_skip on the JavaScript thread.

#include <arpa/inet.h>
#include <linux/if_ether.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "kernel/error_queue.h"
#include "kernel/syscalls.h"
#include "sockets/rings/packet_socket.h"

namespace zerosend {

// Moves the head behind the frames that the kernel has taken. It takes them in ring order, so one
// look at the last frame that was handed over tells whether it has taken them all. If not, or if
// each taken frame has to be booked under its key of timestamps, the head goes on frame by frame,
// and so passes each frame once.
void PacketSocket::follow_kernel() {
  if (untaken_ == 0) return;
  if (!stamps_ && !(status(before(submit_)) & kAskedFor)) {
    head_ = submit_;
    untaken_ = 0;
    return;
  }
  for (; untaken_ > 0 && !(status(head_) & kAskedFor); --untaken_, head_ = after(head_)) {
    if (stamps_) stamps_->accepted(frames_[head_].id, frames_[head_].length, true);
  }
}

uint32_t PacketSocket::untaken() {
  follow_kernel();
  return untaken_;
}

bool PacketSocket::stopped_at_malformed() const {
  return untaken_ > 0 && (status(head_) & TP_STATUS_WRONG_FORMAT);
}

ssize_t PacketSocket::send_ring(const sockaddr_ll* to) {
  return sys.sendto(fd_, nullptr, 0, MSG_DONTWAIT | MSG_NOSIGNAL,
                    reinterpret_cast<const sockaddr*>(to), to != nullptr ? sizeof *to : 0);
}

// Whether frames go to the device past its queueing discipline.
void PacketSocket::pass_qdisc(bool on) {
  const int value = on || options_.qdisc_bypass ? 1 : 0;
  sys.setsockopt(fd_, SOL_PACKET, PACKET_QDISC_BYPASS, &value, sizeof value);
}

void PacketSocket::kick() {
  constexpr int kMostRounds = 64;
  added_ = 0;
  for (int round = 0; round < kMostRounds; ++round) {
    if (stopped_at_malformed()) {
      if (!pass_over() || untaken_ == 0) return;
      continue;
    }
    if (stamps_) begin_stamping();
    const ssize_t result = send_ring(options_.cooked ? &peer_ : nullptr);
    const int error = errno;
    kicked(result, error);
    if (result < 0) kick_error_ = error;
    follow_kernel();
    if (stamps_ && result < 0) note_refused_key(error);
    if (failed_) {
      reap();
      return withdraw(reason());
    }
    if (result < 0 && refuses_frame(error)) {
      note_refused();
    } else {
      patience_.forget();
    }
    if (untaken_ == 0) return;
    // The kernel has stopped half-way. Where frames have come back since, they have made room, and
    // a kick is worth another try; where none has, the timer tries again later.
    if (!stopped_at_malformed() && reap() == 0) return;
  }
}

// Whether the kernel may refuse the frame at the head for ever, so that it is not enough to wait
// for room and to kick again. `error` is what the kick has answered.
//
// ENOBUFS has two causes that look the same. The frame itself was dropped: by a filter of the
// interface, by a queueing discipline that it is too large for, by the other end of a veth pair
// whose MTU is smaller. Or a queue is full, and has room again when frames leave it. If frames of
// this socket are in the kernel, waiting for them to leave may help; with none there, the frame is
// suspected.
//
// ENOMEM, of a frame with an offload header, may come from a device without a queue that cannot
// segment it, and then comes each time. Memory that is really short is so for a moment only; how
// long the frame is tried again decides between the two (Patience).
bool PacketSocket::refuses_frame(int error) const {
  if (error == ENOBUFS) return submitted_ == untaken_;
  return error == ENOMEM && options_.virtio_net_header;
}

// The frame at the head was refused. When that has gone on for too long, it is marked as the kernel
// marks a malformed frame, so that pass_over() has it fail by itself and goes on behind it.
void PacketSocket::note_refused() {
  if (untaken_ == 0 || !patience_.is_over(frames_[head_].id, coarse_ms())) return;
  set_status(head_, TP_STATUS_WRONG_FORMAT);
}

// Goes on behind a frame that the kernel calls malformed, for instance since the interface's MTU
// has shrunk. The kernel stops at such a frame until a right one stands in its place. (PACKET_LOSS
// would have it go on, but cannot be set once there is a ring.) So the frame fails by itself, and
// an empty frame is sent from its place. That one goes to the loopback device, which drops it:
// sendto(2) may name another device than the socket's. Where the loopback device is down, the
// frames behind the malformed one fail as well. Returns whether the kernel has gone on.
bool PacketSocket::pass_over() {
  if (frames_[head_].state == Frame::State::kSubmitted) {
    frames_[head_].state = Frame::State::kRejected;
    frames_[head_].error = static_cast<uint16_t>(kick_error_);
    if (stamps_) stamps_->refused(fd_);
    look_again();
  }
  int error = 0;
  if (lend_to_loopback(&error)) {
    follow_kernel();
    return true;
  }
  switch (error) {
    case 0:
    case EAGAIN:
    case EINTR:
    case ENOBUFS:
    case ENOMEM:
      return false;  // the next kick tries again
    default:
      reap();
      withdraw(kick_error_);
      return false;
  }
}

// Has the kernel send an empty frame from the place at the head to the loopback device, and stop
// behind it. Returns whether the kernel has taken the place.
bool PacketSocket::lend_to_loopback(int* error) {
  constexpr int kLoopback = 1;  // LOOPBACK_IFINDEX of the kernel, in every network namespace
  // Its destination is not the address of the loopback device, and its protocol (an experimental
  // one) is one that nobody listens for: every receiver drops it.
  static constexpr uint8_t kEmpty[ETH_HLEN] = {2, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0x88, 0xb5};
  constexpr size_t kMost = sizeof(OffloadHeader) + sizeof kEmpty;
  sockaddr_ll loopback{};
  loopback.sll_family = AF_PACKET;
  loopback.sll_protocol = htons(ETH_P_802_EX1);
  loopback.sll_ifindex = kLoopback;
  loopback.sll_halen = ETH_ALEN;

  // The kernel copies the link header and reads no more, so that the bytes of the user, who may
  // have laid a template, can be put back at once.
  tpacket2_hdr* const place = header(head_);
  uint8_t* const bytes = memory_->slot(head_);
  uint8_t kept[kMost];
  std::memcpy(kept, bytes, kMost);
  const size_t offload = options_.virtio_net_header ? sizeof(OffloadHeader) : 0;
  std::memset(bytes, 0, offload);
  if (!options_.cooked) std::memcpy(bytes + offload, kEmpty, sizeof kEmpty);
  place->tp_len = options_.cooked ? 0 : static_cast<uint32_t>(offload + sizeof kEmpty);
  place->tp_snaplen = place->tp_len;
  // The frame behind the head is for the socket's own device. While it is marked as available, the
  // kernel stops there.
  const uint32_t behind = after(head_);
  if (untaken_ > 1) set_status(behind, TP_STATUS_AVAILABLE);
  set_status(head_, TP_STATUS_SEND_REQUEST);
  // Past the queueing discipline of the loopback device, which may drop the frame each time, or
  // hold it, and the place with it.
  pass_qdisc(true);
  const ssize_t result = send_ring(&loopback);
  *error = result < 0 ? errno : 0;
  pass_qdisc(false);
  const bool taken = !(status(head_) & kAskedFor);
  if (!taken) set_status(head_, TP_STATUS_WRONG_FORMAT);
  if (untaken_ > 1) set_status(behind, TP_STATUS_SEND_REQUEST);
  std::memcpy(bytes, kept, kMost);
  return taken;
}

// JavaScript thread. The frame of this slot was given back unsent, frames wait behind it, and
// nobody takes the slot to fill it. So an empty frame is sent from it to the loopback device, which
// drops it; no id is used. The frames before it must have been taken by then: a call for the
// loopback device would send them there too.
int32_t PacketSocket::do_skip(uint32_t slot) {
  if (slot != submit_ || waiting_ == 0 || frames_[slot].state != Frame::State::kIdle) return 0;
  if (untaken() > 0) kick();
  // The kick may have taken frames back, where the loopback device is down: then the next is
  // another.
  if (failed_ || slot != submit_ || untaken() > 0) return 0;
  frames_[slot].state = Frame::State::kGivenUp;  // the place ends as one whose id has completed
  head_ = slot;
  submit_ = after(slot);
  ++submitted_;
  untaken_ = 1;
  if (stamps_) stamps_->refused(fd_);
  int error = 0;
  const bool taken = lend_to_loopback(&error);
  untaken_ = 0;
  if (!taken) {
    set_status(slot, TP_STATUS_AVAILABLE);
    frames_[slot].state = Frame::State::kIdle;
    submit_ = slot;
    --submitted_;
  }
  head_ = submit_;
  if (!taken) return -error;
  submit_waiting();
  return 1;
}

// Takes back the frames that the kernel has not taken. The kernel looks at the ring only within a
// call of sendto(2), and those are made under the lock, so it cannot take a frame meanwhile. The
// ids fail, and the slots go back to the pool, which hands them out next, since the kernel waits at
// their places.
void PacketSocket::withdraw(int error) {
  const uint32_t before_withdrawal = submitted_;
  while (submitted_ > 0) {
    const uint32_t index = before(submit_);
    if (!(status(index) & kAskedFor)) break;
    set_status(index, TP_STATUS_AVAILABLE);
    Frame& frame = frames_[index];
    if (frame.state != Frame::State::kGivenUp) {
      count_unsent(frame.length);
      complete(frame.id, Outcome::kFailed, error);
    }
    frame.state = Frame::State::kIdle;
    submit_ = index;
    --submitted_;
  }
  head_ = submit_;
  untaken_ = added_ = 0;
  if (submitted_ != before_withdrawal && !failed_) look_again();
}

// Is called before a kick. When it is not known any more how far the kernel has counted its keys of
// timestamps, none are asked for until the kernel holds no frame of the socket. Then no old
// timestamp can be on its way, and both sides begin to count at 0 again.
void PacketSocket::begin_stamping() {
  if (stamps_->paused() && submitted_ == untaken_) {
    read_stamps();
    stamps_->resume(fd_);
  }
  stamps_->about_to_send();
}

// Is called after a kick that was refused, when the frames that it did take are booked. A frame
// that the driver or the queueing discipline refuses may have used up a key, and is sent again with
// the next one. If it passed a queueing discipline, there is a timestamp 'scheduled' with that key
// on the error queue, and the count of keys follows it. If there is none, it cannot be known
// whether a key was used up, and the count is lost.
void PacketSocket::note_refused_key(int error) {
  if (error == EAGAIN || error == EINTR || error == ENOMEM || error == ENETDOWN) return;
  const uint32_t key = stamps_->key(0);
  read_stamps();
  if (stamps_->key(0) == key) stamps_->refused(fd_);
}

void PacketSocket::read_stamps() {
  drain_error_queue(fd_, [this](const Notification& notification) {
    assert_locked();
    if (notification.kind == Notification::Kind::kTimestamp) {
      stamps_->note_key(notification.key);
      note_stamp(notification);
    } else {
      ++counters_[Counter::unknownMessages];
    }
  });
}

}  // namespace zerosend
