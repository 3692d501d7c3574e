// InetSocket: the system calls that send, and what both protocols do about their answers.
// Everything here runs under the lock, on the JavaScript thread (send, send_many, poll) or on the
// poller thread (flush).

#include <linux/sockios.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "kernel/syscalls.h"
#include "sockets/inet/inet_socket.h"

namespace zerosend {

size_t InetSocket::slice(const Source& source, uint32_t offset, size_t length, iovec* vectors) {
  size_t count = 0;
  size_t skip = offset;
  source.for_each_extent([&](const Extent& extent) {
    if (length == 0) return;
    if (skip >= extent.length) {
      skip -= extent.length;
      return;
    }
    const size_t bytes = std::min(length, extent.length - skip);
    vectors[count++] = {const_cast<uint8_t*>(extent.data + skip), bytes};
    length -= bytes;
    skip = 0;
  });
  return count;
}

// Sends a message that has a timestamp, or several extents.
ssize_t InetSocket::hand_over_message(const Source& source, uint32_t offset, size_t length,
                                      int flags, const sockaddr* to, socklen_t to_length) {
  if (stamps_) begin_stamping();
  const bool named = stamps_ && stamps_->names_keys();
  if (!named && source.extent_count == 0) {
    return sys.sendto(fd_, source.data + offset, length, flags, to, to_length);
  }
  iovec vectors[kMostExtents];
  msghdr message{};
  message.msg_name = const_cast<sockaddr*>(to);
  message.msg_namelen = to_length;
  message.msg_iov = vectors;
  message.msg_iovlen = slice(source, offset, length, vectors);
  StampKey key(named ? stamps_->key(0) : 0);
  if (named) key.attach(&message);
  return sys.sendmsg(fd_, &message, flags);
}

// Is called before each system call that sends. Where the count of keys was lost, the kernel is
// made to count anew as soon as it holds no datagram of the socket: later timestamps of such a
// datagram would be taken for those of what follows.
void InetSocket::begin_stamping() {
  if (stamps_->paused() && holds_nothing()) {
    drain_all();
    stamps_->resume(fd_);
  }
  stamps_->about_to_send();
}

void InetSocket::stamp_batch(size_t count) {
  begin_stamping();
  if (!stamps_->names_keys()) return;
  if (batch_->keys.empty()) batch_->keys.resize(Batch::kSize);
  for (size_t i = 0; i < count; ++i) {
    batch_->keys[i] = StampKey(stamps_->key(static_cast<uint32_t>(i)));
    batch_->keys[i].attach(&batch_->messages[i].msg_hdr);
  }
}

// Books every refusal of sendto and sendmmsg, also of what was queued, before anything is tried
// again or answered. `error` is 0 where sendmmsg has stopped and does not say why.
void InetSocket::note_refusal(int error) {
  if (error == ENOBUFS) ++counters_[Counter::noBuffers];
  if (response(error) == Response::kRoom) ++counters_[Counter::noRoom];
  if (stamps_) stamps_->refused(fd_);
}

// Returns whether the kernel has nothing of the socket that could make room by leaving.
bool InetSocket::holds_nothing() const {
  int bytes = -1;
  return sys.ioctl(fd_, SIOCOUTQ, &bytes) == 0 && bytes == 0;
}

}  // namespace zerosend
