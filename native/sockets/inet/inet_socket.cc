#include "sockets/inet/inet_socket.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <thread>
#include <utility>

#include "kernel/slot_replacement.h"
#include "kernel/syscalls.h"

namespace zerosend {

InetSocket::InetSocket(const Setup& setup)
    : Socket(setup.fd, setup.epoll_fd, setup.max_queued),
      protocol_(setup.protocol),
      ledger_(setup.first_id, setup.first_kernel_id),
      zerocopy_granted_(setup.zerocopy) {
  connecting_ = setup.connecting;
  if (setup.timestamps == Timestamps::kNone) return;
  const bool stream = protocol_ == Protocol::kTcp;
  stamps_ = std::make_unique<StampTracker>(setup.timestamps, stream ? StampTracker::Keys::kPositions
                                                             : kernel_takes_keys()
                                                                 ? StampTracker::Keys::kNamed
                                                                 : StampTracker::Keys::kCounted);
  if (!stream) timestamp_error_ = stamps_->start(fd_);  // a stream counts once it is connected
}

InetSocket::~InetSocket() { close_locked(); }

void InetSocket::do_poll() {
  flush();
  drain(kMostNotes);  // what is left waits for the next poll, or for the poller thread
  if (slabs_.size() > 1) let_go();
  end_if_unreadable();
  // A TCP peer that talks must not stall while JavaScript never goes idle.
  if (protocol_ == Protocol::kTcp && (++polls_ & 15) == 0) discard_input();
}

uint32_t InetSocket::interest() const {
  uint32_t events = 0;
  if (connecting_ || !queue_.empty()) events |= EPOLLOUT;
  if (protocol_ == Protocol::kTcp && !connecting_ && !peer_closed_) events |= EPOLLIN | EPOLLRDHUP;
  return events;
}

bool InetSocket::wants_arming() const {
  const bool outstanding = ledger_.kernel_outstanding() > 0 || !queue_.empty();
  if (protocol_ == Protocol::kUdp) return outstanding || (stamps_ && !failed_);
  // An idle connection is watched for input, the peer's end and resets, but after a hang-up that
  // would fire for ever.
  return outstanding || (!failed_ && !hung_up_);
}

void InetSocket::finish_output() {
  if (shut_down_) return;
  shut_down_ = true;
  if (protocol_ == Protocol::kTcp) sys.shutdown(fd_, SHUT_WR);
}

void InetSocket::cut_off() {
  if (protocol_ == Protocol::kTcp) {
    // Drops the write queue and resets; the completions stay readable, which close() would forbid.
    // What a queueing discipline or a driver holds is not freed by this.
    acknowledged_ = acknowledged();
    cut_off_ = true;
    sockaddr unspecified{};
    unspecified.sa_family = AF_UNSPEC;
    sys.connect(fd_, &unspecified, sizeof unspecified);
  }
  drain(SIZE_MAX);
  plain_parted_ = -1;  // less is held than at an earlier try
}

// Bytes that the peer of a TCP connection has acknowledged, or -1. The kernel counts the SYN and
// the FIN as one byte each (tcp_snd_una_update in net/ipv4/tcp_input.c): the one always comes
// first, the other is behind all that was sent. It forgets the count when the connection is cut
// off.
int64_t InetSocket::acknowledged() const {
  if (protocol_ != Protocol::kTcp || connecting_ || cut_off_) return acknowledged_;
  tcp_info info{};
  socklen_t length = sizeof info;
  constexpr socklen_t kNeeded = offsetof(tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked;
  if (sys.getsockopt(fd_, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 || length < kNeeded) {
    return acknowledged_;
  }
  const uint64_t acked = info.tcpi_bytes_acked > 0 ? info.tcpi_bytes_acked - 1 : 0;
  const auto& counted = counters_.values();
  const uint64_t sent = counted[static_cast<size_t>(Counter::bytes)] -
                        counted[static_cast<size_t>(Counter::unsentBytes)];
  return static_cast<int64_t>(std::min(acked, sent));
}

void InetSocket::revoke() {
  SlotReplacement slots;
  ledger_.for_each_held([&slots](const Source& held) {
    if (held.slab) slots.add(held.slab, held.data, held.length);
  });
  slots.run();
  ledger_.revoke(
      [this, &slots](uint64_t id, const Source& source) {
        const int error = source.slab ? slots.error_of(source.slab, source.data, source.length)
                                      : part_plain_memory();
        if (error != 0) note_retired(id, error);
      },
      completer());
}

// Slabs will be unmapped, which parts them from the kernel; plain memory goes back to the heap.
void InetSocket::leave_behind(std::chrono::steady_clock::time_point deadline) {
  using Clock = std::chrono::steady_clock;
  // To clone a process and to look into its pages takes milliseconds, so it is tried ever less
  // often; to read completions does not.
  std::chrono::milliseconds pause{1};
  while (part_plain_memory() != 0 && Clock::now() < deadline) {
    const auto next = std::min(deadline, Clock::now() + pause);
    while (!plain_memory().empty() && Clock::now() < next) {
      cut_off();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    pause *= 2;
  }
  ledger_.revoke([](uint64_t, const Source&) {}, completer());
}

// What is not of a slab, and the kernel may still read.
std::vector<Span> InetSocket::plain_memory() {
  std::vector<Span> spans;
  ledger_.for_each_held([&spans](const Source& held) {
    if (!held.slab) spans.push_back({held.data, held.length});
  });
  return spans;
}

// Makes all plain memory that the kernel may still read safe to reuse, once, or answers an errno.
int InetSocket::part_plain_memory() {
  if (plain_parted_ < 0) {
    const std::vector<Span> spans = plain_memory();
    plain_parted_ = spans.empty() ? 0 : part_spans_from_kernel(spans);
  }
  return plain_parted_;
}

void InetSocket::keep_new(Slab* slab, size_t sends) {
  Kept* found = nullptr;
  for (Kept& kept : slabs_) {
    if (kept.slab.get() == last_slab_) kept.until = ledger_.next_send() + sends - 1;
    if (kept.slab.get() == slab) found = &kept;
  }
  if (found == nullptr) {
    slabs_.push_back({slab->shared_from_this(), kInUse});
  } else {
    found->until = kInUse;
  }
  last_slab_ = slab;
}

// Of slabs of which nothing is in flight.
void InetSocket::let_go() {
  const uint64_t oldest = ledger_.oldest_send();
  for (size_t i = 0; i < slabs_.size();) {
    if (slabs_[i].until > oldest) {
      ++i;
    } else {
      slabs_[i] = std::move(slabs_.back());
      slabs_.pop_back();
    }
  }
}

void InetSocket::rest() {
  for (Kept& kept : slabs_) {
    if (kept.until == kInUse) kept.until = ledger_.next_send();
  }
  last_slab_ = nullptr;
  let_go();
}

// The poller thread may not have come to what ended the connection, or not be asked any more.
void InetSocket::do_conclude() {
  if (protocol_ != Protocol::kTcp) return;
  discard_input();
  if (!failed_) check_error(false);
}

void InetSocket::before_close() {
  // Unread input would turn the close into a reset.
  if (protocol_ == Protocol::kTcp && !failed_) discard_input();
}

}  // namespace zerosend
