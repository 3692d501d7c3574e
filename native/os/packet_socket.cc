// PacketSocket: frames to the kernel and back. Under the lock, on either thread; do_send on the
// JavaScript thread.

#include "os/packet_socket.h"

#include <linux/if_ether.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "os/error_queue.h"
#include "os/syscalls.h"

namespace zerosend {

tpacket2_hdr* PacketSocket::header(uint32_t index) const {
  return reinterpret_cast<tpacket2_hdr*>(memory_->data() + memory_->stride() * index);
}

uint32_t PacketSocket::status(uint32_t index) const {
  return __atomic_load_n(&header(index)->tp_status, __ATOMIC_ACQUIRE);
}

// A frame that the kernel calls malformed stops the ring, so everything that it checks is checked
// here before (packet_snd and tpacket_snd in net/packet/af_packet.c). Returns 0 or an errno.
int PacketSocket::check(Part frame) const {
  if (frame.length > max_length_) return frame.length > memory_->slot_size() ? EINVAL : EMSGSIZE;
  if (options_.virtio_net_header) return check_offload(frame);
  if (frame.length < std::max(header_length_, 1u)) return EINVAL;
  if (!options_.cooked && exceeds_mtu(frame, mtu_)) return EMSGSIZE;
  return 0;
}

int PacketSocket::check_offload(Part frame) const {
  OffloadHeader offload;
  if (frame.length < sizeof offload + std::max(header_length_, 1u)) return EINVAL;
  std::memcpy(&offload, memory_->slot(frame.slot), sizeof offload);
  const uint32_t length = frame.length - sizeof offload;
  if (offload.hdr_len > length) return EINVAL;
  if ((offload.flags & OffloadHeader::kNeedsChecksum) &&
      uint32_t{offload.csum_start} + offload.csum_offset + 2 > length) {
    return EINVAL;
  }
  switch (offload.gso_type & ~OffloadHeader::kEcn) {
    case OffloadHeader::kNone:
      return length > mtu_ + header_length_ ? EMSGSIZE : 0;
    case OffloadHeader::kTcp4:
    case OffloadHeader::kTcp6:
    case OffloadHeader::kUdp:
    case OffloadHeader::kUdpL4:
      // Segmenting means new checksums, so the kernel insists on being told where they are.
      if (!(offload.flags & OffloadHeader::kNeedsChecksum)) return EINVAL;
      return offload.gso_size == 0 ? EINVAL : 0;
    default:
      return EINVAL;
  }
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
    if (--waiting_ == 0) note_drained();
    hand_over(frames_[submit_]);
  }
}

// The frame is the one at submit_.
void PacketSocket::hand_over(Frame& frame) {
  const uint32_t index = submit_;
  tpacket2_hdr* const shared = header(index);
  if (stamps_) {
    stamps_->about_to_send();
    stamps_->accepted(frame.id, frame.length, true);
  }
  frame.state = Frame::State::kSubmitted;
  shared->tp_len = frame.length;
  shared->tp_snaplen = frame.length;
  // Release: the kernel must see content and length before the status that hands them over.
  __atomic_store_n(&shared->tp_status, TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
  submit_ = after(index);
  ++submitted_;
  ++counters_[Counter::kernelSends];
  ++counters_[Counter::kernelIds];
  frames_added(1);
}

void PacketSocket::kick() {
  const auto* to = options_.cooked ? reinterpret_cast<const sockaddr*>(&peer_) : nullptr;
  const ssize_t result =
      sys.sendto(fd_, nullptr, 0, MSG_DONTWAIT | MSG_NOSIGNAL, to, to ? sizeof peer_ : 0);
  const int error = errno;
  if (kicked(result, error)) return;
  if (result < 0 && error == EINTR) return;  // tried again by the next poll
  reap();
  if (failed_) withdraw();
}

// Takes back what the kernel has not touched. It looks at the ring only within a kick, and kicks
// are serialised, so nobody races for these frames. A frame that it found malformed is among them
// (the interface's MTU has shrunk, say), and the ones behind it, which would wait for ever: those
// ids fail. The slots come back to the pool, which hands them out next.
void PacketSocket::withdraw() {
  const uint32_t before_withdrawal = submitted_;
  while (submitted_ > 0) {
    const uint32_t index = before(submit_);
    if (!(status(index) & (TP_STATUS_SEND_REQUEST | TP_STATUS_WRONG_FORMAT))) break;
    __atomic_store_n(&header(index)->tp_status, TP_STATUS_AVAILABLE, __ATOMIC_RELEASE);
    Frame& frame = frames_[index];
    if (frame.state == Frame::State::kSubmitted) complete(frame.id, Outcome::kFailed);
    frame.state = Frame::State::kIdle;
    submit_ = index;
    --submitted_;
  }
  unkicked_ = 0;
  if (submitted_ != before_withdrawal && !failed_) read_interface();
}

size_t PacketSocket::reap() {
  constexpr uint32_t kBusy = TP_STATUS_SEND_REQUEST | TP_STATUS_SENDING | TP_STATUS_WRONG_FORMAT;
  size_t count = 0;
  {
    Ended ended(*this);
    for (; submitted_ > 0 && !(status(tail_) & kBusy); ++count) {
      Frame& frame = frames_[tail_];
      if (frame.state == Frame::State::kSubmitted) {
        ended.add(frame.id, frame.copied ? Outcome::kInline : Outcome::kZeroCopy);
      }
      frame.state = Frame::State::kIdle;
      tail_ = after(tail_);
      --submitted_;
    }
  }
  if (count > 0) ++counters_[Counter::notifications];
  // Found malformed by an earlier kick, and all before it have come back by now.
  if (submitted_ > 0 && (status(tail_) & TP_STATUS_WRONG_FORMAT)) withdraw();
  if (stamps_) read_stamps();
  return count;
}

void PacketSocket::read_stamps() {
  drain_error_queue(fd_, [this](const Notification& notification) {
    if (notification.kind == Notification::Kind::kTimestamp) {
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
    complete(frames_[i].id, Outcome::kFailed);
  }
}

void PacketSocket::cut_off() {
  reap();
  withdraw();
}

// The pages are the kernel's as much as ours and cannot be replaced: the slots are retired instead.
void PacketSocket::revoke() {
  for (uint32_t i = tail_, left = submitted_; left > 0; i = after(i), --left) {
    Frame& frame = frames_[i];
    if (frame.state != Frame::State::kSubmitted) continue;
    frame.state = Frame::State::kGivenUp;
    note_retired(frame.id, EOPNOTSUPP);
    complete(frame.id, Outcome::kRevoked);
  }
}

Socket::State PacketSocket::do_state() const {
  State state;
  state.link_down = link_down_;
  state.timestamp_error = timestamp_error_;
  return state;
}

}  // namespace zerosend
