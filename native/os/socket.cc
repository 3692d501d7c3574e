#include "os/socket.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "os/page_replacement.h"
#include "os/syscalls.h"

namespace zerosend {

Socket::Socket(const Setup& setup)
    : fd_(setup.fd),
      epoll_fd_(setup.epoll_fd),
      protocol_(setup.protocol),
      max_queued_(setup.max_queued),
      zerocopy_granted_(setup.zerocopy),
      connecting_(setup.connecting),
      ledger_(setup.first_id, setup.first_kernel_id) {}

Socket::~Socket() { close(); }

int Socket::attach(uint32_t handle) {
  Lock lock(mutex_);
  handle_ = handle;
  epoll_event event{};
  event.data.u64 = handle;
  // Registered with nothing to report until the first arming: an empty one-shot would still report
  // errors, so a TCP socket is armed at once and a UDP socket when something is outstanding.
  event.events = EPOLLONESHOT | (wants_arming() ? interest() : 0);
  if (sys.epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd_, &event) != 0) return errno;
  armed_ = true;
  armed_interest_ = event.events;
  return 0;
}

void Socket::poll() {
  Lock lock(mutex_);
  flush();
  drain();
  // A TCP peer that talks must not stall while JavaScript never goes idle.
  if (protocol_ == Protocol::kTcp && (++polls_ & 15) == 0) discard_input();
}

namespace {

size_t move_records(std::vector<Record>* from, Record* to, size_t max) {
  const size_t count = std::min(max, from->size());
  std::copy_n(from->begin(), count, to);
  from->erase(from->begin(), from->begin() + static_cast<std::ptrdiff_t>(count));
  return count;
}

}  // namespace

size_t Socket::take(Record* out, size_t max, bool* more) {
  Lock lock(mutex_);
  size_t count = move_records(&retired_, out, max);
  Range ranges[64];
  // Completions before notices: an error is reported after the ids that it ended.
  while (count < max && !completed_.empty()) {
    const size_t taken = completed_.take(ranges, std::min(max - count, std::size(ranges)));
    for (size_t i = 0; i < taken; ++i) {
      out[count++] = {static_cast<uint32_t>(ranges[i].outcome), ranges[i].first, ranges[i].last};
    }
    counters_[Counter::ranges] += taken;
  }
  if (completed_.empty()) count += move_records(&notices_, out + count, max - count);
  *more = !retired_.empty() || !completed_.empty() || !notices_.empty();
  return count;
}

void Socket::arm() {
  Lock lock(mutex_);
  busy_ = false;
  if (wants_arming()) arm_locked();
}

void Socket::rearm() {
  Lock lock(mutex_);
  // A busy socket will be armed by JavaScript; only what waits for room cannot wait for that.
  if (wants_arming() && (!busy_ || !queue_.empty())) arm_locked();
}

uint32_t Socket::interest() const {
  uint32_t events = EPOLLONESHOT;
  if (connecting_ || !queue_.empty()) events |= EPOLLOUT;
  if (protocol_ == Protocol::kTcp && !connecting_ && !peer_closed_) events |= EPOLLIN | EPOLLRDHUP;
  return events;
}

bool Socket::wants_arming() const {
  if (fd_ < 0) return false;
  const bool outstanding = ledger_.kernel_outstanding() > 0 || !queue_.empty();
  if (protocol_ == Protocol::kUdp) return outstanding;
  // An idle connection is watched for input, the peer's end and resets, but after a hang-up that
  // would fire for ever.
  return outstanding || (!failed_ && !hung_up_);
}

void Socket::arm_locked() {
  epoll_event event{};
  event.events = interest();
  event.data.u64 = handle_;
  if (armed_ && armed_interest_ == event.events) return;
  if (sys.epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd_, &event) == 0) {
    armed_ = true;
    armed_interest_ = event.events;
  }
}

void Socket::fail(int error, bool connecting) {
  if (failed_) return;
  failed_ = true;
  connecting_ = false;
  fail_queued();
  notices_.push_back({Record::kError, static_cast<uint64_t>(error), connecting ? 0u : 1u});
}

void Socket::fail_queued() {
  while (!queue_.empty()) {
    ledger_.fail(queue_.front().id, completer());
    queue_.pop_front();
  }
}

void Socket::begin_close() {
  Lock lock(mutex_);
  closing_ = true;
  shut_down_if_flushed();
}

void Socket::shut_down_if_flushed() {
  if (!closing_ || shut_down_ || failed_ || !queue_.empty() || fd_ < 0) return;
  shut_down_ = true;
  if (protocol_ == Protocol::kTcp) sys.shutdown(fd_, SHUT_WR);
}

void Socket::abort() {
  Lock lock(mutex_);
  if (fd_ < 0) return;
  closing_ = true;
  shut_down_ = true;
  connecting_ = false;
  fail_queued();
  if (protocol_ == Protocol::kTcp) {
    // Drops the write queue and resets; the completions stay readable, which close() would forbid.
    sockaddr unspecified{};
    unspecified.sa_family = AF_UNSPEC;
    sys.connect(fd_, &unspecified, sizeof unspecified);
  }
  drain();
  // One copy-on-write pass serves all plain memory, and only if there is any.
  int plain_error = -1;
  ledger_.revoke(
      [this, &plain_error](uint64_t id, Source& source) {
        int error;
        if (source.slab) {
          error = source.slab->replace_pages(source.slot);
        } else {
          if (plain_error < 0) plain_error = break_sharing_with_kernel();
          error = plain_error;
        }
        if (error != 0) retired_.push_back({Record::kRetired, id, static_cast<uint64_t>(error)});
      },
      completer());
}

void Socket::abandon() {
  Lock lock(mutex_);
  if (fd_ < 0) return;
  fail_queued();
  // Slabs will be unmapped, which parts them from the kernel; plain memory goes back to the heap.
  bool shared = true;
  ledger_.revoke(
      [&shared](uint64_t, Source& source) {
        if (!source.slab && shared) shared = break_sharing_with_kernel() != 0;
      },
      completer());
  close_locked();
}

void Socket::close() {
  Lock lock(mutex_);
  close_locked();
}

void Socket::close_locked() {
  if (fd_ < 0) return;
  // Unread input would turn the close into a reset.
  if (protocol_ == Protocol::kTcp && !failed_) discard_input();
  epoll_event unused{};
  sys.epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd_, &unused);
  sys.close(fd_);
  fd_ = -1;
}

uint64_t Socket::next_id() {
  Lock lock(mutex_);
  return ledger_.next_send();
}

Counters Socket::counters() {
  Lock lock(mutex_);
  return counters_;
}

bool Socket::ids_uncertain() {
  Lock lock(mutex_);
  return ids_uncertain_;
}

bool Socket::peer_closed() {
  Lock lock(mutex_);
  return peer_closed_;
}

}  // namespace zerosend
