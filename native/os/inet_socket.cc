#include "os/inet_socket.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include "os/page_replacement.h"
#include "os/syscalls.h"

namespace zerosend {

InetSocket::InetSocket(const Setup& setup)
    : Socket(setup.fd, setup.epoll_fd, setup.max_queued, setup.first_id, setup.first_kernel_id),
      protocol_(setup.protocol),
      zerocopy_granted_(setup.zerocopy) {
  connecting_ = setup.connecting;
  if (setup.timestamps == Timestamps::kNone) return;
  const bool stream = protocol_ == Protocol::kTcp;
  stamps_ = std::make_unique<StampTracker>(setup.timestamps, stream);
  if (!stream) timestamp_error_ = stamps_->start(fd_);  // a stream counts once it is connected
}

InetSocket::~InetSocket() { close_locked(); }

void InetSocket::do_poll() {
  flush();
  drain();
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
  if (protocol_ == Protocol::kUdp) return outstanding || stamps_;
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
    sockaddr unspecified{};
    unspecified.sa_family = AF_UNSPEC;
    sys.connect(fd_, &unspecified, sizeof unspecified);
  }
  drain();
  plain_parted_ = -1;  // less is held than at an earlier try
}

int InetSocket::part_from_kernel(Source& source) {
  if (source.slab) return source.slab->replace_pages(source.data, source.length);
  if (plain_parted_ < 0) {  // once for all plain memory of the socket
    std::vector<Span> spans;
    ledger_.for_each_held([&spans](const Source& held) {
      if (!held.slab) spans.push_back({held.data, held.length});
    });
    plain_parted_ = part_spans_from_kernel(spans);
  }
  return plain_parted_;
}

void InetSocket::before_close() {
  // Unread input would turn the close into a reset.
  if (protocol_ == Protocol::kTcp && !failed_) discard_input();
}

}  // namespace zerosend
