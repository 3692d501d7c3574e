// XdpSocket: frames to the kernel and back. Under the lock, on either thread; do_send on the
// JavaScript thread.

#include "sockets/rings/xdp_socket.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "kernel/syscalls.h"

namespace zerosend {
namespace {

constexpr uint32_t kContinued = 1 << 0;  // XDP_PKT_CONTD, Linux 6.6: the next one belongs to it

}  // namespace

XdpSocket::XdpSocket(int fd, int epoll_fd, const XdpOptions& options, uint64_t first_id)
    : RingSocket(fd, epoll_fd, SIZE_MAX, first_id, options.umem),
      deadline_ms_(options.deadline_ms),
      chunk_bits_(static_cast<uint32_t>(__builtin_ctzll(options.umem->slot_size()))),
      descriptors_(options.umem->slots()),
      overdue_(options.deadline_ms) {
  // Where the kernel copies, it looks at no MTU; a device then sends or drops as it likes.
  kernel_checks_mtu_ = false;
}

XdpSocket::~XdpSocket() { close_locked(); }

// Whether so many descriptors more can be handed over. The kernel stops when the completion ring is
// full, so no more may be under way than that ring holds.
bool XdpSocket::has_room(size_t descriptors) {
  if (descriptors_.count() + descriptors > completion_.size()) return false;
  // How far the kernel has read is looked up only where the last known value leaves no room: its
  // counter is written by another processor, and reading it for each frame would be slow.
  if (produced_ - taken_ + descriptors > transmit_.size()) taken_ = transmit_.other_consumer();
  return produced_ - taken_ + descriptors <= transmit_.size();
}

// An invalid descriptor would never come back, so everything is checked here.
int XdpSocket::check(const Part& frame) const {
  const uint32_t header = std::max(link_header_.header_length, 1u);
  if (frame.length > memory_->slot_size() || frame.length < header) return EINVAL;
  return exceeds_mtu(frame) ? EMSGSIZE : 0;
}

uint32_t XdpSocket::max_length() const {
  return std::min(static_cast<uint32_t>(memory_->slot_size()),
                  mtu() + link_header_.header_length + link_header_.tag_length);
}

// Checks all parts of a packet. `*whole` becomes the packet as one: its memory is that of the first
// part, its length that of all.
int XdpSocket::check_packet(const Part* parts, size_t count, Part* whole) const {
  if (count == 0 || count > max_frames_) return EINVAL;
  uint32_t length = 0;
  for (size_t i = 0; i < count; ++i) {
    if (parts[i].slot >= memory_->slots()) return EINVAL;
    const uint64_t end = uint64_t{parts[i].offset} + parts[i].length;
    if (parts[i].length == 0 || end > memory_->slot_size()) return EINVAL;
    length += parts[i].length;
  }
  if (parts[0].length < link_header_.header_length) return EINVAL;  // the link header is not cut
  *whole = {parts[0].slot, length, parts[0].offset};
  return exceeds_mtu(*whole) ? EMSGSIZE : 0;
}

bool XdpSocket::make_room(size_t descriptors) {
  if (has_room(descriptors)) return true;
  kick();
  reap();
  return has_room(descriptors);
}

size_t XdpSocket::room_for(size_t count) { return make_room(count) ? count : make_room(1) ? 1 : 0; }

// Hands over the descriptors of a send.
void XdpSocket::submit(uint32_t descriptors) {
  transmit_.produce(produced_);
  frames_added(descriptors);
}

// Writes a descriptor of a send, which the kernel does not see yet.
void XdpSocket::describe(const Part& part, uint32_t options, uint64_t id, Kind kind) {
  descriptors_.add(part.slot, id, kind);
  ++counters_[Counter::kernelSends];
  ++counters_[Counter::kernelIds];
  xdp_desc& descriptor = transmit_.at(produced_++);
  descriptor.addr = (uint64_t{part.slot} << chunk_bits_) + part.offset;
  descriptor.len = part.length;
  descriptor.options = options;
}

int32_t XdpSocket::put(const Part& frame, bool copied) {
  if (!make_room(1)) return -static_cast<int32_t>(Refusal::kQueueFull);
  describe(frame, 0, accept(frame), copied ? Kind::kCopied : Kind::kWhole);
  submit(1);
  return 0;
}

int32_t XdpSocket::do_send(const Source& source, const Address*, bool*) {
  return put_one(*this, source);
}

// Whether a batch has to be refused, since not all of it has room now. One that is longer than the
// ring goes out in turns, as far as the kernel takes it meanwhile.
bool XdpSocket::is_full_for(size_t count) {
  return count <= completion_.size() && !make_room(count);
}

int32_t XdpSocket::do_send_many(const Source* sources, size_t count, const Destinations&) {
  if (is_full_for(count)) return -static_cast<int32_t>(Refusal::kQueueFull);
  return put_many(*this, sources, count);
}

int32_t XdpSocket::do_send_run(const Run& run, const Destinations&) {
  if (is_full_for(run.count)) return -static_cast<int32_t>(Refusal::kQueueFull);
  return put_run(*this, run);
}

// Sends all of it or nothing: the kernel would hold the first part of a packet until the rest came.
int32_t XdpSocket::do_send_packet(const Part* parts, size_t count) {
  Part whole;
  begin_sending();
  int error = check_packet(parts, count, &whole);
  if (error == EMSGSIZE && look_again()) error = check_packet(parts, count, &whole);
  if (error != 0) return -error;
  if (!make_room(count)) return -static_cast<int32_t>(Refusal::kQueueFull);
  const uint64_t id = accept(whole);
  const Kind kind = count > 1 ? Kind::kPart : Kind::kWhole;
  if (kind == Kind::kPart) packets_[id] = {static_cast<uint32_t>(count), Outcome::kZeroCopy};
  for (size_t i = 0; i < count; ++i) describe(parts[i], i + 1 < count ? kContinued : 0, id, kind);
  submit(static_cast<uint32_t>(count));
  return 0;
}

uint32_t XdpSocket::untaken() { return produced_ - transmit_.other_consumer(); }

void XdpSocket::kick() {
  added_ = 0;
  // In copy mode one call works off 32 descriptors; EAGAIN says that there are more.
  for (int round = 0; round < 64; ++round) {
    // the kernel looks at the ring without a kick
    if (zerocopy_ && !(transmit_.flags() & XDP_RING_NEED_WAKEUP)) return;
    const ssize_t result = sys.sendto(fd_, nullptr, 0, MSG_DONTWAIT | MSG_NOSIGNAL, nullptr, 0);
    const int error = errno;
    if (result < 0 && error == EINTR) continue;
    kicked(result, error);
    const uint32_t left = untaken();
    if (left == 0 || failed_) return;
    // A full completion ring would stop transmission. Without progress the timer tries again.
    const size_t back = reap();
    if (result < 0 && error != EAGAIN && error != EBUSY) return;
    if (back == 0 && result < 0 && untaken() == left && round > 0) return;
  }
}

size_t XdpSocket::reap() {
  const uint32_t end = completion_.other_producer();
  size_t count = 0;
  {
    Ended returned(*this);
    for (; consumed_ != end; ++consumed_) {
      const uint64_t slot = completion_.at(consumed_) >> chunk_bits_;
      if (!descriptors_.has(slot)) {
        ++counters_[Counter::unknownIds];
        continue;
      }
      const Descriptors::Descriptor& descriptor = descriptors_.take_oldest(slot);
      returned_ = std::max(returned_, descriptor.position + 1);
      Outcome outcome = zerocopy_ ? Outcome::kZeroCopy : Outcome::kCopied;
      if (ends_send(descriptor, &outcome)) {
        returned.add(descriptor.id, outcome, reason_of(outcome));
      }
      ++count;
    }
  }
  completion_.consume(consumed_);
  if (count > 0) ++counters_[Counter::notifications];
  if (deadline_ms_ > 0 && (count > 0 || descriptors_.count() > 0)) {
    const uint64_t now = coarse_ms();
    if (count > 0) last_progress_ms_ = now;
    overdue_.note_taken(descriptors_.handed_over() - untaken(), now);
    give_up_lost(now);
  }
  return count;
}

// The chunk of this descriptor has ended in this way. Returns whether its send has ended with it,
// and how: a packet of several chunks ends with the last of them, as the worst.
bool XdpSocket::ends_send(const Descriptors::Descriptor& descriptor, Outcome* outcome) {
  switch (descriptor.kind) {
    case Kind::kWhole:
      return true;
    case Kind::kCopied:
      *outcome = worse(Outcome::kInline, *outcome);
      return true;
    case Kind::kEnded:
      return false;
    case Kind::kPart:
      break;
  }
  const auto packet = packets_.find(descriptor.id);
  *outcome = packet->second.outcome = worse(packet->second.outcome, *outcome);
  if (--packet->second.left > 0) return false;
  packets_.erase(packet);
  return true;
}

// Whether a descriptor that the kernel took longer ago than the deadline counts as lost. It does
// when one that was handed over later has come back. Otherwise the device may be slow and have it
// still; then it counts as lost only when nothing at all has come back for as long as the deadline.
bool XdpSocket::is_lost(const Descriptors::Descriptor& descriptor, uint64_t now) const {
  return descriptor.position < returned_ || now - last_progress_ms_ >= deadline_ms_;
}

// Gives up descriptors whose completions the device has swallowed, as it may when it is reset:
// their ids complete as revoked, and their chunks are retired. Descriptors that the kernel has not
// taken from the ring yet are never lost. Only the descriptor that has been out for longest is
// looked at, and the next one when that one is lost.
void XdpSocket::give_up_lost(uint64_t now) {
  const uint64_t overdue = overdue_.below(now);
  while (const Descriptors::Descriptor* oldest = descriptors_.oldest()) {
    if (oldest->position >= overdue || !is_lost(*oldest, now)) break;
    const Descriptors::Descriptor& lost = descriptors_.take_oldest(oldest->slot);
    if (lost.kind == Kind::kEnded) continue;
    note_retired(lost.id, ETIMEDOUT);
    Outcome outcome = Outcome::kRevoked;
    if (ends_send(lost, &outcome)) complete(lost.id, outcome, reason_of(outcome));
  }
}

// The pages of a UMEM are pinned and cannot be replaced: the chunks are retired instead.
void XdpSocket::revoke() {
  descriptors_.for_each([this](Descriptors::Descriptor& descriptor) {
    assert_locked();
    Outcome outcome = Outcome::kRevoked;
    const bool ended = ends_send(descriptor, &outcome);
    descriptor.kind = Kind::kEnded;
    if (!ended) return;
    note_retired(descriptor.id, EOPNOTSUPP);
    complete(descriptor.id, Outcome::kRevoked);
  });
}

void XdpSocket::cut_off() {
  if (untaken() > 0) kick();
  reap();
}

// Takes back the descriptors that the kernel has not taken, which are the last that were handed
// over, and fails their ids. To be called when the kernel does not read the ring any more, for
// instance after the interface was removed.
void XdpSocket::withdraw(int error) {
  while (untaken() > 0 && descriptors_.count() > 0) {
    --produced_;
    count_unsent(transmit_.at(produced_).len);
    Outcome outcome = Outcome::kFailed;
    const Descriptors::Descriptor& newest = descriptors_.take_newest();
    if (ends_send(newest, &outcome)) complete(newest.id, outcome, error);
  }
  added_ = 0;
}

void XdpSocket::before_close() {
  RingSocket::before_close();
  fill_.unmap();
  completion_.unmap();
  transmit_.unmap();
}

Socket::State XdpSocket::do_state() const {
  State state = RingSocket::do_state();
  state.max_length = max_length();
  return state;
}

}  // namespace zerosend
