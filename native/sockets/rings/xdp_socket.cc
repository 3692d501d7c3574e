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
      chunks_(options.umem->slots()) {
  // Where the kernel copies, it looks at no MTU; a device then sends or drops as it likes.
  kernel_checks_mtu_ = false;
}

XdpSocket::~XdpSocket() { close_locked(); }

// The kernel stops when it cannot announce a completion, so no more may be under way than the
// completion ring holds.
bool XdpSocket::has_room(size_t descriptors) {
  if (outstanding_ + descriptors > completion_.size()) return false;
  // The kernel's counter is read when it may matter, not for each frame.
  if (produced_ - taken_ + descriptors > transmit_.size()) taken_ = transmit_.other_consumer();
  return produced_ - taken_ + descriptors <= transmit_.size();
}

// An invalid descriptor would never come back, so everything is checked here.
int XdpSocket::check(Part frame) const {
  const uint32_t header = std::max(link_header_.header_length, 1u);
  if (frame.length > memory_->slot_size() || frame.length < header) return EINVAL;
  return exceeds_mtu(frame) ? EMSGSIZE : 0;
}

uint32_t XdpSocket::max_length() const {
  return std::min(static_cast<uint32_t>(memory_->slot_size()),
                  mtu() + link_header_.header_length + link_header_.tag_length);
}

// All parts of a packet, as one: its memory is that of the first, its length that of all.
int XdpSocket::check_packet(const Part* parts, size_t count, Part* whole) const {
  if (count == 0 || count > max_frames_) return EINVAL;
  uint32_t length = 0;
  for (size_t i = 0; i < count; ++i) {
    if (parts[i].slot >= memory_->slots()) return EINVAL;
    if (parts[i].length == 0 || parts[i].length > memory_->slot_size()) return EINVAL;
    length += parts[i].length;
  }
  if (parts[0].length < link_header_.header_length) return EINVAL;  // the link header is not cut
  *whole = {parts[0].slot, length};
  return exceeds_mtu(*whole) ? EMSGSIZE : 0;
}

bool XdpSocket::make_room(size_t descriptors) {
  if (has_room(descriptors)) return true;
  kick();
  reap();
  return has_room(descriptors);
}

// Hands over the descriptors of a send.
void XdpSocket::submit(uint32_t descriptors) {
  transmit_.produce(produced_);
  frames_added(descriptors);
}

// Writes a descriptor of a send, which the kernel does not see yet.
void XdpSocket::describe(Part part, uint32_t options, uint64_t id, Kind kind) {
  uint32_t index = free_links_;
  if (index == kNone) {
    index = static_cast<uint32_t>(links_.size());
    links_.push_back({});
  } else {
    free_links_ = links_[index].next;
  }
  Link& link = links_[index];
  link.id = id;
  link.next = kNone;
  link.position = handed_over_++;
  link.slot = part.slot;
  link.older = newest_;
  link.newer = kNone;
  link.kind = kind;
  (newest_ == kNone ? oldest_ : links_[newest_].newer) = index;
  newest_ = index;
  Chunk& chunk = chunks_[part.slot];
  if (chunk.oldest == kNone) {
    chunk.oldest = index;
  } else {
    links_[chunk.newest].next = index;
  }
  chunk.newest = index;

  ++counters_[Counter::kernelSends];
  ++counters_[Counter::kernelIds];
  ++outstanding_;
  xdp_desc& descriptor = transmit_.at(produced_++);
  descriptor.addr = uint64_t{part.slot} << chunk_bits_;
  descriptor.len = part.length;
  descriptor.options = options;
}

int32_t XdpSocket::put(Part frame, bool copied) {
  if (!make_room(1)) return -static_cast<int32_t>(Refusal::kQueueFull);
  describe(frame, 0, accept(frame), copied ? Kind::kCopied : Kind::kWhole);
  submit(1);
  return 0;
}

int32_t XdpSocket::do_send_many(const Source* sources, size_t count) {
  return put_many(*this, sources, count);
}

int32_t XdpSocket::do_send_run(const Run& run) { return put_run(*this, run); }

// All of it or nothing: the kernel would hold the first part of a packet until the rest came.
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
    if (zerocopy_ && !(transmit_.flags() & XDP_RING_NEED_WAKEUP)) return;  // it looks by itself
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
      if (slot >= chunks_.size() || chunks_[slot].oldest == kNone) {
        ++counters_[Counter::unknownIds];
        continue;
      }
      const Link& link = take_oldest(chunks_[slot]);
      returned_ = std::max(returned_, link.position + 1);
      Outcome outcome = zerocopy_ ? Outcome::kZeroCopy : Outcome::kCopied;
      if (ends_send(link, &outcome)) {
        returned.add(link.id, outcome, reason_of(outcome));
      }
      ++count;
    }
  }
  completion_.consume(consumed_);
  if (count > 0) ++counters_[Counter::notifications];
  if (deadline_ms_ > 0 && (count > 0 || outstanding_ > 0)) {
    const uint64_t now = coarse_ms();
    if (count > 0) last_progress_ms_ = now;
    note_taken(now);
    give_up_lost(now);
  }
  return count;
}

// What is referred to stays as it is until the next descriptor is written.
const XdpSocket::Link& XdpSocket::take_oldest(Chunk& chunk) {
  const uint32_t index = chunk.oldest;
  chunk.oldest = links_[index].next;
  return unlink(index);
}

const XdpSocket::Link& XdpSocket::take_newest(Chunk& chunk) {
  const uint32_t index = chunk.newest;
  uint32_t* place = &chunk.oldest;
  uint32_t before = kNone;
  while (*place != index) {
    before = *place;
    place = &links_[before].next;
  }
  *place = kNone;
  chunk.newest = before;
  return unlink(index);
}

// Takes a link that is on the list of no chunk any more off the list of all.
const XdpSocket::Link& XdpSocket::unlink(uint32_t index) {
  Link& link = links_[index];
  (link.older == kNone ? oldest_ : links_[link.older].newer) = link.newer;
  (link.newer == kNone ? newest_ : links_[link.newer].older) = link.older;
  link.next = free_links_;
  free_links_ = index;
  --outstanding_;
  return link;
}

// The chunk of this link has ended in this way. Whether its send has ended with it, and how: a
// packet of several chunks ends with the last of them, as the worst.
bool XdpSocket::ends_send(const Link& link, Outcome* outcome) {
  switch (link.kind) {
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
  const auto packet = packets_.find(link.id);
  *outcome = packet->second.outcome = worse(packet->second.outcome, *outcome);
  if (--packet->second.left > 0) return false;
  packets_.erase(packet);
  return true;
}

// Remembers how far the kernel has read the ring by now.
void XdpSocket::note_taken(uint64_t now) {
  const uint64_t taken = handed_over_ - untaken();
  if (end_marks_ != first_mark_) {
    const Mark& last = marks_[(end_marks_ - 1) % kMarks];
    if (taken == last.taken || now - last.ms < deadline_ms_ / (kMarks / 2)) return;
  }
  if (end_marks_ - first_mark_ == kMarks) ++first_mark_;
  marks_[end_marks_++ % kMarks] = {taken, now};
}

// The link is of those that the kernel took as long ago as the deadline. One that others have
// overtaken is lost then; without that a slow device may have it still, as long as anything comes
// back.
bool XdpSocket::is_lost(const Link& link, uint64_t now) const {
  return link.position < returned_ || now - last_progress_ms_ >= deadline_ms_;
}

// A device reset can swallow completions. A frame that the kernel took long ago is given up, also
// while others come back: its id completes as revoked, and its chunk is retired. What waits in the
// ring is not lost. Costs one look at the frame that is out longest, and one for each that is lost.
void XdpSocket::give_up_lost(uint64_t now) {
  for (; first_mark_ != end_marks_; ++first_mark_) {
    const Mark& mark = marks_[first_mark_ % kMarks];
    if (now - mark.ms < deadline_ms_) break;
    overdue_ = mark.taken;
  }
  while (oldest_ != kNone && links_[oldest_].position < overdue_ && is_lost(links_[oldest_], now)) {
    Chunk& chunk = chunks_[links_[oldest_].slot];
    const Link& link = take_oldest(chunk);
    if (link.kind == Kind::kEnded) continue;
    note_retired(link.id, ETIMEDOUT);
    Outcome outcome = Outcome::kRevoked;
    if (ends_send(link, &outcome)) complete(link.id, outcome, reason_of(outcome));
  }
}

// The pages of a UMEM are pinned and cannot be replaced: the chunks are retired instead.
void XdpSocket::revoke() {
  for (const Chunk& chunk : chunks_) {
    for (uint32_t i = chunk.oldest; i != kNone; i = links_[i].next) {
      Link& link = links_[i];
      Outcome outcome = Outcome::kRevoked;
      const bool ended = ends_send(link, &outcome);
      link.kind = Kind::kEnded;
      if (!ended) continue;
      note_retired(link.id, EOPNOTSUPP);
      complete(link.id, Outcome::kRevoked);
    }
  }
}

void XdpSocket::cut_off() {
  if (untaken() > 0) kick();
  reap();
}

// The kernel reads the ring no more, as after the interface was removed: what it has not taken was
// never sent. Those are the last that were handed over, and the newest of their chunks.
void XdpSocket::withdraw(int error) {
  while (untaken() > 0 && newest_ != kNone) {
    --produced_;
    --handed_over_;
    count_unsent(transmit_.at(produced_).len);
    const uint32_t index = newest_;
    Outcome outcome = Outcome::kFailed;
    const Link& link = take_newest(chunks_[links_[index].slot]);
    if (ends_send(link, &outcome)) complete(link.id, outcome, error);
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
