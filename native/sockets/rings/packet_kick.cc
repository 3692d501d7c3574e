// PacketSocket: the kernel is made to look at the ring, and to go on where it has stopped. Under
// the lock, on either thread; do_skip on the JavaScript thread.

#include <arpa/inet.h>
#include <linux/if_ether.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "kernel/error_queue.h"
#include "kernel/syscalls.h"
#include "sockets/rings/packet_socket.h"

namespace zerosend {

// The kernel takes frames in order, so where the last is taken, all are. Otherwise the head catches
// up: each frame is passed once. Each that was taken has used up a key of timestamps.
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
    // It has stopped half-way. Whatever has come back makes room; else the timer tries again.
    if (!stopped_at_malformed() && reap() == 0) return;
  }
}

// Whether a kick with this answer has stopped at a frame that may never go, whatever becomes free.
//
// ENOBUFS tells of a frame that was dropped: by a filter of the interface, by a queueing discipline
// that it is too large for, by the other end of a veth pair whose MTU is smaller. A queue that is
// full answers the same, and what of it is the socket's own makes room by leaving; with nothing of
// the socket in the kernel there is no telling.
//
// A device without queue answers ENOMEM, time and again, to a frame that it cannot segment. Memory
// that is really short does not stay so for long, as long as nothing else gets through.
bool PacketSocket::refuses_frame(int error) const {
  if (error == ENOBUFS) return submitted_ == untaken_;
  return error == ENOMEM && options_.virtio_net_header;
}

// The frame at the head was refused: one that is for too long fails alone.
void PacketSocket::note_refused() {
  if (untaken_ == 0 || !patience_.is_over(frames_[head_].id, coarse_ms())) return;
  set_status(head_, TP_STATUS_WRONG_FORMAT);
}

// The kernel stays at a frame that it calls malformed (the interface's MTU has shrunk, say) until
// the place is filled with a right one, and PACKET_LOSS, which would have it go on, cannot be set
// once there is a ring. So that frame alone fails, and its place is lent for an empty frame to the
// loopback device, which drops it: a send may name another device than the one of the socket. Where
// there is no such device (a namespace in which it is down) those behind the frame fail with it.
// Returns whether the kernel has gone on.
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

// An empty frame goes out from the place at the head, by the loopback device, and nothing else.
// Returns whether the kernel has taken it.
bool PacketSocket::lend_to_loopback(int* error) {
  constexpr int kLoopback = 1;  // LOOPBACK_IFINDEX of the kernel, in every network namespace
  // The frame is not for the device itself, and of a protocol that nobody listens for.
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
  // The kernel must stop behind it.
  const uint32_t behind = after(head_);
  if (untaken_ > 1) set_status(behind, TP_STATUS_AVAILABLE);
  set_status(head_, TP_STATUS_SEND_REQUEST);
  const ssize_t result = send_ring(&loopback);
  *error = result < 0 ? errno : 0;
  const bool taken = !(status(head_) & kAskedFor);
  if (!taken) set_status(head_, TP_STATUS_WRONG_FORMAT);
  if (untaken_ > 1) set_status(behind, TP_STATUS_SEND_REQUEST);
  std::memcpy(bytes, kept, kMost);
  return taken;
}

// JavaScript thread. Frames wait for one that its user has given back unsent, and nobody fills its
// place. So the place goes out as an empty frame, which the loopback device drops, and takes no id.
// First the kernel has to have taken all that stands before it, or that would go by the loopback
// device as well.
int32_t PacketSocket::do_skip(uint32_t slot) {
  if (slot != submit_ || waiting_ == 0 || frames_[slot].state != Frame::State::kIdle) return 0;
  if (untaken() > 0) kick();
  if (failed_ || untaken() > 0) return 0;
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

// Takes back what the kernel has not touched. It looks at the ring only within a kick, and kicks
// are serialised, so nobody races for these frames. Their ids fail, and the slots come back to the
// pool, which hands them out next.
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

// Is called before a kick. Where keys were lost count of, the kernel counts anew as soon as it
// holds no frame whose timestamps could be taken for those of what follows.
void PacketSocket::begin_stamping() {
  if (stamps_->paused() && submitted_ == untaken_) {
    read_stamps();
    stamps_->resume(fd_);
  }
  stamps_->about_to_send();
}

// Is called after a kick that was refused, and after what it has taken was followed. A frame that
// the driver or the queueing discipline refuses goes again with another key. Where its 'scheduled'
// tells of the key that it has used up, the count goes on; where the kernel may have used up one
// without (there is no queueing discipline to be scheduled by), it is lost.
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
