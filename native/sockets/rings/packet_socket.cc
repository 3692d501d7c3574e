// PacketSocket: frames into the ring, and out of it when they are free again. Under the lock, on
// either thread; do_send on the JavaScript thread.

#include "sockets/rings/packet_socket.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace zerosend {

// The longest frame: what the device takes and the slot holds.
uint32_t PacketSocket::max_length() const {
  const auto slot = static_cast<uint32_t>(memory_->slot_size());
  // With segmentation offload the device cuts the frame, and IP limits it.
  const uint32_t device = options_.virtio_net_header
                              ? sizeof(OffloadHeader) + header_length_ + 65535
                              : mtu() + header_length_ + tag_length();
  return std::min(slot, device);
}

// Checks all that the kernel checks (tpacket_snd in net/packet/af_packet.c), before a frame gets
// into the ring: the kernel stops at a frame that it calls malformed. Returns 0 or an errno.
int PacketSocket::check(const Part& frame) const {
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

int32_t PacketSocket::put(const Part& part, bool copied) {
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

int32_t PacketSocket::do_send(const Source& source, const Address*, bool*) {
  return put_one(*this, source);
}

int32_t PacketSocket::do_send_many(const Source* sources, size_t count, const Destinations&) {
  return put_many(*this, sources, count);
}

int32_t PacketSocket::do_send_run(const Run& run, const Destinations&) {
  return put_run(*this, run);
}

// Hands over the frames from submit_ on, up to the first place that has not been filled.
void PacketSocket::submit_waiting() {
  while (frames_[submit_].state == Frame::State::kWaiting) {
    --waiting_;
    hand_over(frames_[submit_]);
  }
  if (waiting_ == 0 && !failed_) note_drained();
}

// Hands `frame`, which is the one at submit_, over to the kernel: it takes it with the next kick.
void PacketSocket::hand_over(Frame& frame) {
  const uint32_t index = submit_;
  tpacket2_hdr* const shared = header(index);
  frame.state = Frame::State::kSubmitted;
  shared->tp_len = frame.length;
  shared->tp_snaplen = frame.length;
  set_status(index, TP_STATUS_SEND_REQUEST);
  submit_ = after(index);
  ++submitted_;
  ++untaken_;
  ++counters_[Counter::kernelSends];
  ++counters_[Counter::kernelIds];
  frames_added(1);
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
