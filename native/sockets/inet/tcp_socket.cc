#include "sockets/inet/tcp_socket.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "kernel/syscalls.h"
#include "kernel/tcp_facts.h"

namespace zerosend {

TcpSocket::TcpSocket(const Setup& setup) : InetSocket(setup) {
  connecting_ = true;
  if (setup.timestamps == Timestamps::kNone) return;
  // Started by finish_connecting(): the kernel counts from when the connection is up.
  stamps_ = std::make_unique<StampTracker>(setup.timestamps, StampTracker::Keys::kPositions);
}

TcpSocket::~TcpSocket() { close_locked(); }

// ---- sending: on the JavaScript thread, and on the poller thread what was queued ----------------

InetSocket::Attempt TcpSocket::transmit(const Source& source, const Address*, uint32_t offset,
                                        size_t most) {
  bool zerocopy = may_zerocopy(source);
  const size_t length = std::min<size_t>(source.length - offset, most);
  for (;;) {
    const ssize_t accepted = hand_over(source, offset, length, send_flags(zerocopy), nullptr, 0);
    if (accepted >= 0) return {accepted, zerocopy, 0};
    const int error = errno;
    const size_t freed = settle_refusal(error, zerocopy);
    switch (response(error)) {
      case Response::kAgain:
        continue;
      case Response::kBuffers:
        if (!zerocopy) return {-1, false, EAGAIN};
        if (freed > 0) continue;
        note_fallback();
        zerocopy = false;
        continue;
      case Response::kRoom:
        return {-1, false, EAGAIN};
      default:
        return {-1, false, error};
    }
  }
}

size_t TcpSocket::transmit_batch(const Source* sources, size_t count, const Destinations&) {
  const bool zerocopy = may_zerocopy(sources[0]);
  const size_t gathered = gather(sources, count, [](const Source&) {});
  int error = 0;
  const size_t accepted = hand_over_batch(gathered, zerocopy, &error);
  for (size_t i = 0; i < accepted; ++i) {
    accept_message(sources[i], zerocopy, batch_->messages[i].msg_len);
  }
  if (accepted < gathered) settle_refusal(error, zerocopy);
  return accepted;
}

Response TcpSocket::response(int error) const { return send_error(error).tcp; }

// Is called at every refusal, as that of UDP is. It raises no doubt: TCP gives a kernel id back
// that was not used (net_zcopy_put_abort in tcp_sendmsg_locked). Returns the number of kernel ids
// that were freed.
size_t TcpSocket::settle_refusal(int error, bool zerocopy) {
  note_refusal(error);
  return zerocopy && error == ENOBUFS ? drain_all() : 0;
}

void TcpSocket::note_hole(int error) { fail(error, false); }

// ---- watching: do_ready() on the poller thread, the rest on either ------------------------------

void TcpSocket::do_poll() {
  InetSocket::do_poll();
  // While JavaScript never goes idle, the poller thread reads no input, and a peer that sends must
  // not stall.
  if ((++polls_ & 15) != 0) return;
  discard_input();
  if (ledger_.kernel_outstanding() > 0) avoid_interceptor();
}

void TcpSocket::do_ready(uint32_t events) {
  if (connecting_) {
    if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) finish_connecting();
    return;
  }
  if (events & EPOLLHUP) hung_up_ = true;
  if (events & (EPOLLIN | EPOLLRDHUP)) discard_input();
  InetSocket::do_ready(events);
  // The peer's FIN acknowledges this side's, for which close() waits.
  if (closing_ && peer_closed_) news_.tell(Record::kPeerEnded);
}

uint32_t TcpSocket::interest() const {
  if (connecting_) return EPOLLOUT;
  // The hang-up stays, and would wake for as long as completions are outstanding.
  if (hung_up_ && (failed_ || peer_closed_)) return InetSocket::interest() | EPOLLET;
  return InetSocket::interest() | (peer_closed_ ? 0u : EPOLLIN | EPOLLRDHUP);
}

// An idle connection is watched for input, the peer's end and resets, but after a hang-up that
// would fire for ever.
bool TcpSocket::wants_arming() const { return is_outstanding() || (!failed_ && !hung_up_); }

// To a peer on this host the connection is established when connect(2) returns, so the poller
// thread need not be woken for it.
Failure TcpSocket::start_watching() {
  pollfd up{fd_, POLLOUT, 0};
  if (::poll(&up, 1, 0) > 0) finish_connecting();
  return InetSocket::start_watching();
}

void TcpSocket::finish_connecting() {
  if (const int error = take_error()) return fail(error, true);
  connecting_ = false;
  avoid_interceptor();
  if (stamps_) timestamp_error_ = stamps_->start(fd_);
  news_.tell(Record::kConnected);
}

// The kernel ids of what a BPF program takes are not those that the ledger counts, and may never
// be notified: from then on sends go by copy. The program may come under an open connection. Then
// nobody knows which ids are those of what is in flight, and its memory is taken back; a send that
// is queued has to go out first, since its memory is still read here.
void TcpSocket::avoid_interceptor() {
  if (!zerocopy_granted_ || failed_ || queued() > 0 || !is_intercepted(fd_)) return;
  intercepted_ = true;
  zerocopy_granted_ = false;
  revoke();
}

void TcpSocket::rest() {
  if (ledger_.kernel_outstanding() > 0) avoid_interceptor();
  InetSocket::rest();
}

// Reads what the peer says and drops it, without copying (MSG_TRUNC, tcp(7)).
void TcpSocket::discard_input() {
  constexpr size_t kChunk = size_t{1} << 20;
  for (int round = 0; round < 16 && !peer_closed_; ++round) {
    const ssize_t got = sys.recv(fd_, nullptr, kChunk, MSG_TRUNC | MSG_DONTWAIT);
    if (got > 0) {
      counters_[Counter::discardedBytes] += static_cast<uint64_t>(got);
      continue;
    }
    if (got == 0) peer_closed_ = true;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno != EAGAIN && errno != ENOTCONN) fail(errno, false);
    return;
  }
}

void TcpSocket::note_error(int error) { fail(error, false); }

// ---- the end: on the JavaScript thread, finish_output() on either -------------------------------

void TcpSocket::finish_output() {
  if (shut_down_) return;
  shut_down_ = true;
  sys.shutdown(fd_, SHUT_WR);
}

// Drops the write queue and resets; the completions stay readable, which close() would forbid. What
// a queueing discipline or a driver holds is not freed by this.
void TcpSocket::cut_off() {
  TcpFacts facts;
  read_facts(&facts);
  acknowledged_ = acknowledged(facts);
  cut_off_ = true;
  sockaddr unspecified{};
  unspecified.sa_family = AF_UNSPEC;
  sys.connect(fd_, &unspecified, sizeof unspecified);
  InetSocket::cut_off();
}

// The poller thread may not have seen yet what ended the connection, or may not be armed any more.
void TcpSocket::do_conclude() {
  discard_input();
  if (failed_) return;
  if (const int error = take_error()) fail(error, false);
}

void TcpSocket::before_close() {
  if (!failed_) discard_input();  // unread, it would turn the close into a reset
}

Socket::State TcpSocket::do_state() const {
  State state = InetSocket::do_state();
  state.peer_closed = peer_closed_;
  state.intercepted = intercepted_;
  if (!read_facts(&state.tcp)) state.tcp.closed = true;
  state.is_connected = !connecting_ && !cut_off_ && !state.tcp.closed;
  state.acknowledged = acknowledged(state.tcp);
  return state;
}

uint64_t TcpSocket::do_progress() const {
  TcpFacts facts;
  read_facts(&facts);
  return static_cast<uint64_t>(std::max<int64_t>(acknowledged(facts), 0));
}

bool TcpSocket::read_facts(TcpFacts* facts) const {
  return !connecting_ && !cut_off_ && read_tcp_facts(fd_, facts);
}

// Bytes that the peer has acknowledged, or -1. The kernel counts the SYN and the FIN as one byte
// each (tcp_snd_una_update in net/ipv4/tcp_input.c): the one always comes first, the other is
// behind all that was sent. It forgets the count when the connection is cut off.
int64_t TcpSocket::acknowledged(const TcpFacts& facts) const {
  if (facts.bytes_acked < 0) return acknowledged_;
  const auto acked = static_cast<uint64_t>(facts.bytes_acked > 0 ? facts.bytes_acked - 1 : 0);
  const auto& counted = counters_.values();
  const uint64_t sent = counted[static_cast<size_t>(Counter::bytes)] -
                        counted[static_cast<size_t>(Counter::unsentBytes)];
  return static_cast<int64_t>(std::min(acked, sent));
}

}  // namespace zerosend
