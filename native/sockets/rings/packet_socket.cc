// PacketSocket: frames to the kernel and back. Under the lock, on either thread; do_send on the
// JavaScript thread.

#include "sockets/rings/packet_socket.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "kernel/error_queue.h"
#include "kernel/syscalls.h"

namespace zerosend {
namespace {

// Of a frame that was handed over and that the kernel has not taken, or has stopped at.
constexpr uint32_t kAskedFor = TP_STATUS_SEND_REQUEST | TP_STATUS_WRONG_FORMAT;

}  // namespace

tpacket2_hdr* PacketSocket::header(uint32_t index) const {
  return reinterpret_cast<tpacket2_hdr*>(memory_->data() + memory_->stride() * index);
}

uint32_t PacketSocket::status(uint32_t index) const {
  return __atomic_load_n(&header(index)->tp_status, __ATOMIC_ACQUIRE);
}

// The longest frame: what the device takes and the slot holds.
uint32_t PacketSocket::max_length() const {
  const auto slot = static_cast<uint32_t>(memory_->slot_size());
  // With segmentation offload the device cuts the frame, and IP limits it.
  const uint32_t device = options_.virtio_net_header
                              ? sizeof(OffloadHeader) + header_length_ + 65535
                              : mtu() + header_length_ + tag_length();
  return std::min(slot, device);
}

// A frame that the kernel calls malformed stops the ring, so everything that it checks is checked
// here before (tpacket_snd in net/packet/af_packet.c). Returns 0 or an errno.
int PacketSocket::check(Part frame) const {
  if (frame.length > max_length()) return frame.length > memory_->slot_size() ? EINVAL : EMSGSIZE;
  if (!options_.virtio_net_header) {
    if (frame.length < std::max(header_length_, 1u)) return EINVAL;
    return !options_.cooked && exceeds_mtu(frame) ? EMSGSIZE : 0;
  }
  OffloadHeader offload;
  if (frame.length < sizeof offload) return EINVAL;
  const uint8_t* data = memory_->slot(frame.slot);
  std::memcpy(&offload, data, sizeof offload);
  data += sizeof offload;
  const auto length = static_cast<uint32_t>(frame.length - sizeof offload);
  if (!offload_fits(offload, data, length, header_length_, max_segments_)) return EINVAL;
  // With segmentation the device cuts the frame.
  return !offload.segments() && exceeds_mtu(data, length) ? EMSGSIZE : 0;
}

int32_t PacketSocket::put(Part part, bool copied) {
  Frame& frame = frames_[part.slot];
  if (frame.state != Frame::State::kIdle) return -EALREADY;
  frame = {accept(part), part.length, Frame::State::kWaiting, copied};
  if (part.slot == submit_) {
    hand_over(frame);
    if (waiting_ > 0) submit_waiting();
  } else {
    ++waiting_;
    note_queued();
  }
  return 0;
}

int32_t PacketSocket::do_send_many(const Source* sources, size_t count) {
  return put_many(*this, sources, count);
}

int32_t PacketSocket::do_send_run(const Run& run) { return put_run(*this, run); }

// Hands over every frame that no missing one stands before.
void PacketSocket::submit_waiting() {
  while (frames_[submit_].state == Frame::State::kWaiting) {
    --waiting_;
    hand_over(frames_[submit_]);
  }
  if (waiting_ == 0 && !failed_) note_drained();
}

// The frame is the one at submit_.
void PacketSocket::hand_over(Frame& frame) {
  const uint32_t index = submit_;
  tpacket2_hdr* const shared = header(index);
  frame.state = Frame::State::kSubmitted;
  shared->tp_len = frame.length;
  shared->tp_snaplen = frame.length;
  // Release: the kernel must see content and length before the status that hands them over.
  __atomic_store_n(&shared->tp_status, TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
  submit_ = after(index);
  ++submitted_;
  ++untaken_;
  ++counters_[Counter::kernelSends];
  ++counters_[Counter::kernelIds];
  frames_added(1);
}

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
      refused_since_ = 0;
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

// The frame at the head was refused. One that is for as long as the patience fails alone. The next
// may be of the same kind, so patience gets shorter, until for a while none has failed.
void PacketSocket::note_refused() {
  if (untaken_ == 0) return;
  const uint64_t now = coarse_ms();
  if (refused_since_ == 0 || refused_id_ != frames_[head_].id) {
    if (now - gave_up_at_ >= kForgetting) patience_ms_ = kLongestPatience;
    refused_id_ = frames_[head_].id;
    refused_since_ = now;
  } else if (now - refused_since_ >= patience_ms_) {
    refused_since_ = 0;
    gave_up_at_ = now;
    patience_ms_ = std::max(patience_ms_ / 2, kShortestPatience);
    __atomic_store_n(&header(head_)->tp_status, TP_STATUS_WRONG_FORMAT, __ATOMIC_RELEASE);
  }
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
  // Not for the device itself, of a protocol that nobody listens for.
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
  const auto set_status = [this](uint32_t index, uint32_t value) {
    __atomic_store_n(&header(index)->tp_status, value, __ATOMIC_RELEASE);
  };
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
// place. So that goes out as an empty frame, which the loopback device drops, and takes no id. Not
// before the kernel has taken all that stands before it, or that would go by that device as well.
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
    __atomic_store_n(&header(slot)->tp_status, TP_STATUS_AVAILABLE, __ATOMIC_RELEASE);
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
    __atomic_store_n(&header(index)->tp_status, TP_STATUS_AVAILABLE, __ATOMIC_RELEASE);
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

size_t PacketSocket::reap() {
  constexpr uint32_t kBusy = kAskedFor | TP_STATUS_SENDING;
  size_t count = 0;
  {
    Ended ended(*this);
    for (; submitted_ > 0 && !(status(tail_) & kBusy); ++count) {
      Frame& frame = frames_[tail_];
      if (frame.state == Frame::State::kSubmitted) {
        ended.add(frame.id, frame.copied ? Outcome::kInline : Outcome::kZeroCopy);
      } else if (frame.state == Frame::State::kRejected) {
        note_passed(frame.id);
        count_unsent(frame.length);
        ended.add(frame.id, Outcome::kFailed, frame.error);
      }
      frame.state = Frame::State::kIdle;
      tail_ = after(tail_);
      --submitted_;
    }
  }
  untaken_ = std::min(untaken_, submitted_);  // the head is not behind the tail
  if (untaken_ == submitted_) head_ = tail_;
  if (count > 0) ++counters_[Counter::notifications];
  if (stamps_) read_stamps();
  return count;
}

// Before a kick. Where keys were lost count of, the kernel counts anew as soon as it holds no frame
// whose timestamps could be taken for those of what follows.
void PacketSocket::begin_stamping() {
  if (stamps_->paused() && submitted_ == untaken_) {
    read_stamps();
    stamps_->resume(fd_);
  }
  stamps_->about_to_send();
}

// After a kick that was refused, and after what it has taken was followed. A frame that driver or
// queueing discipline refuse goes again with another key. Where its 'scheduled' tells of the key
// that it has used up, the count goes on; where the kernel may have used up one without (there is
// no queueing discipline to be scheduled by), it is lost.
void PacketSocket::note_refused_key(int error) {
  if (error == EAGAIN || error == EINTR || error == ENOMEM || error == ENETDOWN) return;
  const uint32_t key = stamps_->key(0);
  read_stamps();
  if (stamps_->key(0) == key) stamps_->refused(fd_);
}

void PacketSocket::read_stamps() {
  drain_error_queue(fd_, [this](const Notification& notification) {
    if (notification.kind == Notification::Kind::kTimestamp) {
      stamps_->note_key(notification.key);
      note_stamp(notification);
    } else {
      ++counters_[Counter::unknownMessages];
    }
  });
}

void PacketSocket::fail_queued() {
  for (uint32_t i = 0; i < frames_.size() && waiting_ > 0; ++i) {
    if (frames_[i].state != Frame::State::kWaiting) continue;
    frames_[i].state = Frame::State::kIdle;
    --waiting_;
    count_unsent(frames_[i].length);
    complete(frames_[i].id, Outcome::kFailed, reason());
  }
}

void PacketSocket::cut_off() {
  reap();
  withdraw(reason());
}

// The pages are the kernel's as much as ours and cannot be replaced: the slots are retired instead.
void PacketSocket::revoke() {
  for (uint32_t i = tail_, left = submitted_; left > 0; i = after(i), --left) {
    Frame& frame = frames_[i];
    const Frame::State state = std::exchange(frame.state, Frame::State::kGivenUp);
    if (state == Frame::State::kSubmitted) {
      note_retired(frame.id, EOPNOTSUPP);
      complete(frame.id, Outcome::kRevoked);
    } else if (state == Frame::State::kRejected) {
      count_unsent(frame.length);  // the kernel has nothing of it
      complete(frame.id, Outcome::kFailed, frame.error);
    }
  }
}

Socket::State PacketSocket::do_state() const {
  State state = RingSocket::do_state();
  state.max_length = max_length();
  state.waiting = waiting_;
  state.missing = submit_;
  state.timestamp_error = timestamp_error_;
  return state;
}

}  // namespace zerosend
