#include "os/poller.h"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>
#include <utility>

#include "os/syscalls.h"

namespace zerosend {
namespace {

// How long completions may gather before the sockets are armed again. Longer costs latency and
// in-flight room, shorter costs throughput; measured in bench/.
constexpr long kPauseNanoseconds = 200'000;
// While sends wait for room, their progress hangs on it.
constexpr long kShortPauseNanoseconds = 50'000;

// How long all sockets together may keep the end of an environment waiting; see Socket::abandon.
constexpr std::chrono::seconds kAbandonTimeout{1};

constexpr uint64_t kWakeToken = ~uint64_t{0};

}  // namespace

int Poller::start(const char** syscall) {
  if (running_) return 0;
  *syscall = "epoll_create1";
  epoll_fd_ = sys.epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd_ < 0) return errno;
  *syscall = "eventfd";
  wake_fd_ = sys.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWakeToken;
  if (wake_fd_ < 0 || sys.epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event) != 0) {
    const int error = errno;
    close_descriptors();
    return error;
  }
  stopping_ = false;
  // Signals belong to the threads of Node: the new thread inherits a mask that blocks them all.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  // Not std::thread: where the system has no thread left it throws, and nobody here could catch.
  const auto body = [](void* self) -> void* { return static_cast<Poller*>(self)->run(), nullptr; };
  *syscall = "pthread_create";
  const int error = pthread_create(&thread_, nullptr, body, this);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  running_ = error == 0;
  if (!running_) close_descriptors();
  return error;
}

void Poller::stop() {
  if (!running_) return;
  stopping_ = true;
  const uint64_t one = 1;
  while (::write(wake_fd_, &one, sizeof one) < 0 && errno == EINTR) {
  }
  pthread_join(thread_, nullptr);
  running_ = false;
  const auto deadline = std::chrono::steady_clock::now() + kAbandonTimeout;
  for (const auto& socket : sockets_) {
    if (socket) socket->abandon(deadline);
  }
  {
    std::lock_guard<std::mutex> lock(table_mutex_);
    sockets_.assign(1, nullptr);
    generations_.assign(1, 0);
    vacant_.clear();
  }
  close_descriptors();
}

void Poller::close_descriptors() {
  if (wake_fd_ >= 0) sys.close(wake_fd_);
  sys.close(epoll_fd_);
  epoll_fd_ = wake_fd_ = -1;
}

uint32_t Poller::add(std::shared_ptr<Socket> socket, int* error) {
  uint32_t index;
  {
    std::lock_guard<std::mutex> lock(table_mutex_);
    if (vacant_.empty()) {
      index = static_cast<uint32_t>(sockets_.size());
      if (index > kIndexMask) {
        *error = EMFILE;
        return 0;
      }
      sockets_.push_back(nullptr);
      generations_.push_back(0);
    } else {
      index = vacant_.back();
      vacant_.pop_back();
    }
    sockets_[index] = socket;
  }
  const uint32_t handle = index | generations_[index] << kIndexBits;
  *error = socket->attach(handle);
  if (*error != 0) {
    remove(handle);
    return 0;
  }
  return handle;
}

void Poller::remove(uint32_t handle) {
  if (find(handle) == nullptr) return;
  const uint32_t index = handle & kIndexMask;
  std::shared_ptr<Socket> last;  // destroyed after the lock is released
  std::lock_guard<std::mutex> lock(table_mutex_);
  last = std::move(sockets_[index]);
  generations_[index] = (generations_[index] + 1) & (UINT32_MAX >> kIndexBits);
  vacant_.push_back(index);
}

Socket* Poller::find(uint32_t handle) const {
  const uint32_t index = handle & kIndexMask;
  if (index >= sockets_.size() || generations_[index] != handle >> kIndexBits) return nullptr;
  return sockets_[index].get();
}

std::shared_ptr<Socket> Poller::share(uint32_t handle) {
  std::lock_guard<std::mutex> lock(table_mutex_);
  return find(handle) == nullptr ? nullptr : sockets_[handle & kIndexMask];
}

void Poller::add_ready(uint32_t handle) {
  std::lock_guard<std::mutex> lock(ready_mutex_);
  if (std::find(ready_.begin(), ready_.end(), handle) == ready_.end()) ready_.push_back(handle);
}

std::vector<uint32_t> Poller::take_ready() {
  notified_.store(false);
  std::lock_guard<std::mutex> lock(ready_mutex_);
  return std::exchange(ready_, {});
}

void Poller::put_back(uint32_t handle) {
  add_ready(handle);
  if (!notified_.exchange(true)) notify_();
}

void Poller::run() {
  pthread_setname_np(pthread_self(), "zerosend-poller");
  std::vector<epoll_event> events(256);
  std::vector<std::shared_ptr<Socket>> to_arm;
  while (!stopping_) {
    const int count = sys.epoll_wait(epoll_fd_, events.data(), static_cast<int>(events.size()), -1);
    if (count < 0 && errno != EINTR) pause(false);  // cannot happen; but then do not spin
    bool news = false;
    bool soon = false;
    for (int i = 0; i < count; ++i) {
      if (events[static_cast<size_t>(i)].data.u64 == kWakeToken) continue;
      const auto handle = static_cast<uint32_t>(events[static_cast<size_t>(i)].data.u64);
      std::shared_ptr<Socket> socket = share(handle);
      if (!socket) continue;
      const Socket::Wake wake = socket->on_ready(events[static_cast<size_t>(i)].events);
      if (wake.news) {
        add_ready(handle);
        news = true;
      }
      soon = soon || wake.soon;
      if (wake.rearm) to_arm.push_back(std::move(socket));
    }
    if (news && !notified_.exchange(true)) notify_();
    if (to_arm.empty()) continue;
    pause(soon);
    news = false;
    for (const auto& socket : to_arm) {
      if (!socket->rearm()) continue;
      add_ready(socket->handle());
      news = true;
    }
    to_arm.clear();
    if (news && !notified_.exchange(true)) notify_();
  }
}

// Sleeps, but not through a stop.
void Poller::pause(bool soon) {
  const timespec time{0, soon ? kShortPauseNanoseconds : kPauseNanoseconds};
  pollfd wake{wake_fd_, POLLIN, 0};
  ::ppoll(&wake, 1, &time, nullptr);
}

}  // namespace zerosend
