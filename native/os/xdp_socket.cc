// XdpSocket: frames to the kernel and back. Under the lock, on either thread; do_send on the
// JavaScript thread.

#include "os/xdp_socket.h"

#include <cerrno>
#include <ctime>
#include <utility>

#include "os/syscalls.h"

namespace zerosend {
namespace {

constexpr uint32_t kContinued = 1 << 0;  // XDP_PKT_CONTD, Linux 6.6: the next one belongs to it

}  // namespace

XdpSocket::XdpSocket(int fd, int epoll_fd, const XdpOptions& options, uint64_t first_id)
    : RingSocket(fd, epoll_fd, SIZE_MAX, first_id, options.umem),
      deadline_ms_(options.deadline_ms),
      chunks_(options.umem->slots()) {}

XdpSocket::~XdpSocket() { close_locked(); }

uint32_t XdpSocket::now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<uint32_t>(now.tv_sec * 1000 + now.tv_nsec / 1'000'000);
}

// The kernel stops when it cannot announce a completion, so no more may be under way than the
// completion ring holds.
bool XdpSocket::has_room(size_t descriptors) const {
  return outstanding_ + descriptors <= completion_.size() &&
         produced_ - transmit_.other_consumer() + descriptors <= transmit_.size();
}

// An invalid descriptor would never come back, so everything is checked here.
int XdpSocket::check(Part frame) const {
  if (frame.length > memory_->slot_size() || frame.length < ETH_HLEN) return EINVAL;
  if (frame.length > max_length_ || exceeds_mtu(frame, mtu_)) return EMSGSIZE;
  return 0;
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
  if (parts[0].length < ETH_HLEN) return EINVAL;  // the link header is not cut
  *whole = {parts[0].slot, length};
  return exceeds_mtu(*whole, mtu_) ? EMSGSIZE : 0;
}

bool XdpSocket::make_room(size_t descriptors) {
  if (unkicked_ == 0) sent_ms_ = now_ms();  // at most a batch late: the deadline is of seconds
  if (has_room(descriptors)) return true;
  kick();
  reap();
  return has_room(descriptors);
}

int32_t XdpSocket::put(Part frame, bool copied) {
  if (!make_room(1)) return -static_cast<int32_t>(Refusal::kQueueFull);
  const uint64_t id = ledger_.open(source_of(frame));
  if (copied) ledger_.add_inline_piece(id);
  describe(id, frame, 0);
  submit(id, frame.length, 1);
  return 0;
}

int32_t XdpSocket::do_send_many(const Source* sources, size_t count) {
  return put_many(*this, sources, count);
}

int32_t XdpSocket::do_send_run(uint32_t first, const uint32_t* lengths, size_t count) {
  return put_run(*this, first, lengths, count);
}

// All of it or nothing: the kernel would hold the first part of a packet until the rest came.
int32_t XdpSocket::do_send_packet(const Part* parts, size_t count) {
  Part whole;
  if (const int error = check_packet(parts, count, &whole)) return -error;
  if (!make_room(count)) return -static_cast<int32_t>(Refusal::kQueueFull);
  const uint32_t length = whole.length;
  const uint64_t id = ledger_.open(source_of(whole));
  for (size_t i = 0; i < count; ++i) describe(id, parts[i], i + 1 < count ? kContinued : 0);
  submit(id, length, static_cast<uint32_t>(count));
  return 0;
}

// Hands over the descriptors of a send.
void XdpSocket::submit(uint64_t id, uint32_t length, uint32_t descriptors) {
  transmit_.produce(produced_);
  ledger_.close(id, completer());
  count_send(length);
  frames_added(descriptors);
}

// Writes a descriptor of a send, which the kernel does not see yet.
void XdpSocket::describe(uint64_t id, const Part& part, uint32_t options) {
  uint32_t link = free_links_;
  if (link == kNone) {
    link = static_cast<uint32_t>(links_.size());
    links_.push_back({});
  } else {
    free_links_ = links_[link].next;
  }
  links_[link] = {static_cast<uint32_t>(ledger_.next_kernel()), kNone, sent_ms_};
  Chunk& chunk = chunks_[part.slot];
  if (chunk.oldest == kNone) {
    chunk.oldest = link;
  } else {
    links_[chunk.newest].next = link;
  }
  chunk.newest = link;

  ledger_.add_zerocopy_piece(id);
  ++counters_[Counter::kernelSends];
  ++counters_[Counter::kernelIds];
  ++outstanding_;
  xdp_desc& descriptor = transmit_.at(produced_++);
  descriptor.addr = memory_->slot_size() * part.slot;
  descriptor.len = part.length;
  descriptor.options = options;
}

void XdpSocket::kick() {
  // In copy mode one call works off 32 descriptors; EAGAIN says that there are more.
  for (int round = 0; round < 64; ++round) {
    if (zerocopy_ && !(transmit_.flags() & XDP_RING_NEED_WAKEUP)) {
      unkicked_ = 0;  // the driver looks by itself
      return;
    }
    const ssize_t result = sys.sendto(fd_, nullptr, 0, MSG_DONTWAIT | MSG_NOSIGNAL, nullptr, 0);
    const int error = errno;
    if (result < 0 && error == EINTR) continue;
    const uint32_t left = produced_ - transmit_.other_consumer();
    if (kicked(result, error) && left == 0) return;
    unkicked_ = left;
    if (left == 0 || failed_) return;
    // A full completion ring would stop transmission. Without progress the timer tries again.
    const size_t back = reap();
    if (result < 0 && error != EAGAIN && error != EBUSY) return;
    if (back == 0 && result < 0 && produced_ - transmit_.other_consumer() == left && round > 0) {
      return;
    }
  }
}

size_t XdpSocket::reap() {
  const uint32_t end = completion_.other_producer();
  size_t count = 0;
  Returned returned(*this, zerocopy_ ? Outcome::kZeroCopy : Outcome::kCopied);
  for (; consumed_ != end; ++consumed_) {
    const uint64_t slot = completion_.at(consumed_) / memory_->slot_size();
    if (slot >= chunks_.size() || chunks_[slot].oldest == kNone) {
      ++counters_[Counter::unknownIds];
      continue;
    }
    Chunk& chunk = chunks_[slot];
    const uint32_t link = chunk.oldest;
    chunk.oldest = links_[link].next;
    returned.add(links_[link].kernel_id);
    links_[link].next = free_links_;
    free_links_ = link;
    --outstanding_;
    ++count;
  }
  completion_.consume(consumed_);
  if (count > 0) {
    ++counters_[Counter::notifications];
    last_progress_ms_ = now_ms();
  } else if (outstanding_ > 0) {
    give_up_lost();
  }
  return count;
}

// A device reset can swallow completions. A frame that the kernel took long ago, with nothing
// coming back since, is given up: its id completes as revoked, and its chunk is retired.
void XdpSocket::give_up_lost() {
  const uint32_t now = now_ms();
  if (deadline_ms_ == 0 || now - last_progress_ms_ < deadline_ms_) return;
  if (produced_ != transmit_.other_consumer()) return;  // they wait, they are not lost
  for (Chunk& chunk : chunks_) {
    while (chunk.oldest != kNone && now - links_[chunk.oldest].sent_ms >= deadline_ms_) {
      const uint32_t link = chunk.oldest;
      chunk.oldest = links_[link].next;
      const uint32_t kernel_id = links_[link].kernel_id;
      note_retired(ledger_.owner(kernel_id), ETIMEDOUT);
      ledger_.settle_kernel(kernel_id, kernel_id, Outcome::kRevoked, completer());
      links_[link].next = free_links_;
      free_links_ = link;
      --outstanding_;
    }
  }
}

void XdpSocket::cut_off() {
  if (unkicked_ > 0) kick();
  reap();
}

void XdpSocket::before_close() {
  RingSocket::before_close();
  fill_.unmap();
  completion_.unmap();
  transmit_.unmap();
}

Socket::State XdpSocket::do_state() const {
  State state;
  state.link_down = link_down_;
  return state;
}

}  // namespace zerosend
