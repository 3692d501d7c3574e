// UdpSocket: what the kernel has refused. Everything here runs under the lock, on the JavaScript
// thread (send, send_many, poll) or on the poller thread (flush).

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "kernel/syscalls.h"
#include "kernel/too_many_segments.h"
#include "sockets/inet/udp_socket.h"

namespace zerosend {
namespace {

// How many questions may have been answered without that having been read yet, where EINVAL came
// for another reason (a blackhole route), or the error queue cannot be read.
constexpr uint64_t kMaxUnreadQuestions = 64;

// After questions in vain, so many sends at most go by copy before the next one, or until something
// has been notified.
constexpr uint32_t kMaxUnasked = 64;

}  // namespace

Response UdpSocket::response(int error) const { return send_error(error).udp; }

bool UdpSocket::may_be_earlier(int error) const {
  return response(error) == Response::kEarlier || response(error) == Response::kMaybe;
}

// A datagram was refused. Returns 0 when it is to be tried again, in the way that `*tries` says
// then; EAGAIN when it should wait; or the errno to end it with.
int UdpSocket::answer_refusal(int error, const Address* destination, Tries* tries) {
  const size_t freed = settle_refusal(error, tries->zerocopy);
  switch (response(error)) {
    case Response::kAgain:
      return 0;
    case Response::kBuffers:
      if (tries->zerocopy) {
        if (freed > 0) return 0;
        note_fallback();
        tries->zerocopy = false;
        return 0;
      }
      // The datagram is tried again: what the kernel held may have left since the refusal, or
      // memory was short for a moment. If it is refused all the same, it needs more than the send
      // buffer ever has (__ip_append_data).
      if (!reports_drops() && holds_nothing()) {
        return ++tries->emptied < kTriesOfEmptied ? 0 : error;
      }
      return back_off(error);
    case Response::kRoom:
      return back_off(error);
    case Response::kEarlier:
    case Response::kMaybe:
      // A packet has 17 fragments (MAX_SKB_FRAGS), of which each extent takes one for every page
      // that it touches. A copy needs fewer.
      if (error == EMSGSIZE && tries->zerocopy && tries->scattered) {
        note_fallback();
        tries->zerocopy = false;
        return 0;
      }
      if (tries->earlier == 0 && !hears_of_earlier()) return error;
      if (++tries->earlier < kTriesOfEarlier) {
        // In a flood of ICMP messages each try takes one error away, so tries have to be faster
        // than the messages. Copying is.
        if (tries->earlier > 1) tries->zerocopy = false;
        return 0;
      }
      return response(error) == Response::kMaybe ? error : back_off(error);
    case Response::kRefuse:
      if (error == EIO && !tries->split && start_splitting(destination)) {
        tries->split = true;
        tries->zerocopy = false;
        stopped_early_ = false;  // what stopped sendmmsg was this datagram's own error
        return 0;
      }
      return error;
    case Response::kEnd:
      return error;
  }
  return error;
}

// Every refusal passes here, before anything is tried again or answered. `error` is 0 where
// sendmmsg has stopped and does not say why. Returns the number of kernel ids that were freed.
size_t UdpSocket::settle_refusal(int error, bool zerocopy) {
  note_refusal(error);
  if (!zerocopy) return 0;
  ledger_.doubt();
  // Before the error queue is read, which may make room, the kernel is asked for its count: its
  // answer tells whether room was the reason.
  return error == 0 ? 0 : drain_all();
}

// Asks the kernel how far it has counted, when it is not certain. Returns 0 when it is now, or the
// errno because of which the kernel could not be asked: zero copy has to wait.
//
// The question is a datagram of too many segments. Its id is notified before the call returns,
// since nobody else has seen the datagram, and it is the last one that was given out.
int UdpSocket::ask_for_count(const sockaddr* to, socklen_t to_length) {
  if (++unasked_ < asked_in_vain_) return EBUSY;
  unasked_ = 0;
  if (unread_questions_ == kMaxUnreadQuestions) {
    drain_all();
    if (is_unreadable()) return EBUSY;
    forget_questions();  // the queue is empty: they have taken none
  }
  const TooManySegments question(to, to_length);
  int error = 0;
  for (uint32_t tries = 0; !ledger_.certain() && tries < kTriesOfEarlier; ++tries) {
    ledger_.doubt();
    ++unread_questions_;
    error = sys.sendmsg(fd_, question.message(), MSG_ZEROCOPY | MSG_DONTWAIT | MSG_NOSIGNAL) < 0
                ? errno
                : 0;
    if (stamps_) stamps_->refused(fd_);
    if (response(error) == Response::kRoom || error == ENOBUFS) stopped_early_ = false;
    const bool answered = error == EINVAL || error == EIO;
    if (!answered) {  // it has taken no id
      ledger_.dispel(1);
      --unread_questions_;
    }
    if (answered) ++unread_answers_;
    const size_t freed = drain_all();
    // An ICMP error that is pending answers in place of what was asked, once each.
    const bool again = may_be_earlier(error) || error == EINTR;
    if (!again && !(error == ENOBUFS && freed > 0)) break;
  }
  if (ledger_.certain()) {
    asked_in_vain_ = 0;
    return 0;
  }
  if (error != EAGAIN) asked_in_vain_ = std::min(2 * asked_in_vain_ + 1, kMaxUnasked);
  return error;
}

// No question that was asked so far will take an id any more.
void UdpSocket::forget_questions() {
  ledger_.dispel(unread_questions_);
  unread_questions_ = unread_answers_ = 0;
}

// A copying send has found no room. Returns EAGAIN when it should wait, or the errno to end it
// with.
//
// If the kernel holds datagrams of the socket, there will be room when they leave. If it holds
// none, the send waits for something else: a full queueing discipline, memory, keys of IPsec. Each
// try may put the first fragments of the datagram into the queueing discipline, and would keep it
// full if tries came too often. So the tries get rarer, and a datagram that has not been accepted
// after three seconds fails.
int UdpSocket::back_off(int error) {
  constexpr std::chrono::nanoseconds kFirst = std::chrono::microseconds(100);
  constexpr std::chrono::nanoseconds kLongest = std::chrono::milliseconds(10);
  constexpr std::chrono::nanoseconds kLongestOfDrops = 16384 * kFirst;
  constexpr std::chrono::nanoseconds kPatience = 2 * kLongestOfDrops - kFirst;
  const bool drops = error == ENOBUFS && reports_drops();
  if (!drops && !holds_nothing()) return EAGAIN;
  const auto now = std::chrono::steady_clock::now();
  if (retry_delay_.count() == 0) retry_since_ = now;
  if (now - retry_since_ >= kPatience) return error == EAGAIN ? ENOBUFS : error;
  retry_delay_ = std::max(kFirst, std::min(2 * retry_delay_, drops ? kLongestOfDrops : kLongest));
  retry_at_ = now + retry_delay_;
  return EAGAIN;
}

bool UdpSocket::may_flush() {
  return retry_delay_.count() == 0 || std::chrono::steady_clock::now() >= retry_at_;
}

// With IP_RECVERR (which only the user can have set) ENOBUFS also reports drops by the queueing
// discipline.
bool UdpSocket::reports_drops() const {
  int v4 = 0;
  int v6 = 0;
  socklen_t length = sizeof v4;
  sys.getsockopt(fd_, IPPROTO_IP, IP_RECVERR, &v4, &length);
  length = sizeof v6;
  sys.getsockopt(fd_, IPPROTO_IPV6, IPV6_RECVERR, &v6, &length);
  return v4 != 0 || v6 != 0;
}

// Whether ICMP can leave an error on the socket: on a connected one, or where the user asked for
// it.
bool UdpSocket::hears_of_earlier() const {
  sockaddr_storage peer;
  socklen_t length = sizeof peer;
  return ::getpeername(fd_, reinterpret_cast<sockaddr*>(&peer), &length) == 0 || reports_drops();
}

}  // namespace zerosend
