#include "receiver_process.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <vector>

#include "check.h"
#include "content.h"
#include "receiver.h"

namespace stress {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kLastConnections{20'000};  // for the connections that are left at the end

uint8_t input[1 << 17];

class Stream {
 public:
  explicit Stream(int fd) : fd_(fd), expected_(kMaxMessage) {}
  Stream(const Stream&) = delete;

  int fd() const { return fd_; }
  Clock::time_point ready_at() const { return ready_at_; }

  // Reads once. False when the connection has ended.
  bool serve(Clock::time_point now, int channel) {
    const bool slow = key_known_ && peer_of(key_) == Peer::kSlow;
    const ssize_t got = ::recv(fd_, input, slow ? 32768 : sizeof input, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (got <= 0) return end(channel, got == 0 ? StreamReport::kEof : StreamReport::kReset);
    check(input, static_cast<size_t>(got));
    total_ += static_cast<uint64_t>(got);
    if (!key_known_) return true;
    switch (peer_of(key_)) {
      case Peer::kSlow:
        ready_at_ = now + milliseconds(1);
        break;
      case Peer::kStalling:
        if (total_ > 50'000 && !stalled_) {
          stalled_ = true;
          ready_at_ = now + milliseconds(60);
        }
        break;
      case Peer::kResetting:
        if (total_ > mix(key_ + 1) % 1'000'000) {
          const linger hard{1, 0};
          ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
          return end(channel, StreamReport::kResetter);
        }
        break;
      case Peer::kHalfClosed:
        if (!stalled_) ::shutdown(fd_, SHUT_WR);
        stalled_ = true;
        break;
      case Peer::kTalking:
        ::send(fd_, input, 1 + total_ % 3000, MSG_DONTWAIT | MSG_NOSIGNAL);
        break;
      case Peer::kFast:
        break;
    }
    return true;
  }

 private:
  void check(const uint8_t* bytes, size_t count) {
    while (count > 0) {
      if (!key_known_ && !read_header(&bytes, &count)) return;
      if (length_ == 0) next_message(stream_length(key_, id_, false));
      const size_t part = std::min<size_t>(count, length_ - at_);
      if (std::memcmp(bytes, expected_.data() + at_, part) != 0) wrong(bytes, part);
      at_ += static_cast<uint32_t>(part);
      bytes += part;
      count -= part;
      if (at_ < length_) return;
      ++messages_;
      ++id_;
      length_ = 0;
    }
  }

  // Collects the first bytes of the connection. False while there are too few.
  bool read_header(const uint8_t** bytes, size_t* count) {
    const size_t part = std::min(*count, sizeof(Header) - at_);
    std::memcpy(reinterpret_cast<uint8_t*>(&header_) + at_, *bytes, part);
    at_ += static_cast<uint32_t>(part);
    *bytes += part;
    *count -= part;
    if (at_ < sizeof(Header)) return false;
    MUST(header_.magic == kMagic && header_.cell == 0 && header_.length >= sizeof(Header) &&
             header_.length <= kMaxMessage,
         "a connection does not start with a message");
    key_known_ = true;
    key_ = header_.key;
    id_ = header_.id;
    next_message(header_.length);
    at_ = sizeof(Header);
    return true;
  }

  void next_message(uint32_t length) {
    length_ = length;
    at_ = 0;
    write_message(expected_.data(), length, kMaxMessage, key_, id_);
  }

  [[noreturn]] void wrong(const uint8_t* bytes, size_t part) {
    size_t i = 0;
    while (i < part && bytes[i] == expected_[at_ + i]) ++i;
    DIE("wrong byte over TCP: key %u id %" PRIu64 " offset %zu of %u: %02x is not %02x", key_, id_,
        at_ + i, length_, bytes[i], expected_[at_ + i]);
  }

  bool end(int channel, uint32_t how) {
    ::close(fd_);
    if (!key_known_) return false;
    const StreamReport report{key_, how, messages_, length_ == 0 ? 0 : at_};
    MUST(::send(channel, &report, sizeof report, MSG_NOSIGNAL) == sizeof report, "report: errno %d",
         errno);
    return false;
  }

  int fd_;
  Clock::time_point ready_at_{};
  bool key_known_ = false;
  bool stalled_ = false;
  uint32_t key_ = 0;
  uint64_t id_ = 0;      // of the message that is coming in
  uint32_t length_ = 0;  // its length; 0 between two messages
  uint32_t at_ = 0;      // bytes of it (at first: of the header) that have come
  uint64_t messages_ = 0;
  uint64_t total_ = 0;
  Header header_;
  std::vector<uint8_t> expected_;
};

uint64_t datagrams = 0;

void read_datagrams(int fd) {
  static uint8_t expected[kMaxMessage];
  for (int i = 0; i < 64; ++i) {
    const ssize_t got = ::recv(fd, input, sizeof input, MSG_DONTWAIT);
    if (got < 0) return;
    ++datagrams;
    Header header;
    if (got < static_cast<ssize_t>(sizeof header)) continue;  // nothing to compare it with
    std::memcpy(&header, input, sizeof header);
    MUST(header.magic == kMagic && header.length == got, "a datagram of %zd bytes is none of ours",
         got);
    write_cell(expected, header);
    MUST(std::memcmp(input, expected, header.length) == 0,
         "wrong bytes over UDP: key %u id %" PRIu64 " cell %u", header.key, header.id, header.cell);
  }
}

}  // namespace

void run_receiver(const Endpoints& endpoints) {
  std::vector<std::unique_ptr<Stream>> streams;
  std::vector<pollfd> fds;
  Clock::time_point deadline = Clock::time_point::max();
  for (const int fd : endpoints.tcp) {
    if (fd >= 0) MUST(::listen(fd, 512) == 0, "listen: errno %d", errno);
  }
  for (const int fd : endpoints.udp) {
    const int size = 8 << 20;
    if (fd >= 0) ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  }
  while (deadline == Clock::time_point::max() || !streams.empty()) {
    const Clock::time_point now = Clock::now();
    MUST(now < deadline, "%zu connections did not end", streams.size());
    fds.clear();
    fds.push_back({deadline == Clock::time_point::max() ? endpoints.channel : -1, POLLIN, 0});
    for (const int fd : endpoints.tcp) fds.push_back({fd, POLLIN, 0});
    for (const int fd : endpoints.udp) fds.push_back({fd, POLLIN, 0});
    bool delayed = false;
    for (const auto& stream : streams) {
      const bool due = stream->ready_at() <= now;
      delayed = delayed || !due;
      fds.push_back({due ? stream->fd() : -1, POLLIN, 0});
    }
    ::poll(fds.data(), fds.size(), delayed ? 1 : 1000);
    if (fds[0].revents != 0) deadline = Clock::now() + kLastConnections;
    for (size_t i = 3; i < 5; ++i) {
      if (fds[i].revents != 0) read_datagrams(fds[i].fd);
    }
    const Clock::time_point after = Clock::now();
    for (size_t i = 0; i < streams.size(); ++i) {
      if (fds[5 + i].revents != 0 && !streams[i]->serve(after, endpoints.channel)) {
        streams[i].reset();
      }
    }
    streams.erase(std::remove(streams.begin(), streams.end(), nullptr), streams.end());
    for (size_t i = 1; i < 3; ++i) {
      if (fds[i].revents == 0) continue;
      const int fd = ::accept4(fds[i].fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd >= 0) streams.push_back(std::make_unique<Stream>(fd));
    }
  }
  for (const int fd : endpoints.udp) {
    if (fd >= 0) read_datagrams(fd);
  }
  ::send(endpoints.channel, &datagrams, sizeof datagrams, MSG_NOSIGNAL);
}

}  // namespace stress
