#include "threads/poller.h"

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

#include "kernel/syscalls.h"

namespace zerosend {
namespace {

// How long completions may gather before the sockets are armed again. Longer costs latency and
// in-flight room, shorter costs throughput; measured in bench/.
constexpr long kPauseNanoseconds = 200'000;
// The pause while sends wait for room, which depend on it for their progress.
constexpr long kShortPauseNanoseconds = 50'000;

// How long all sockets together may keep the end of an environment waiting; see Socket::abandon.
constexpr std::chrono::seconds kAbandonTimeout{1};

// Tokens that no socket has for its handle.
constexpr uint64_t kWakeToken = ~uint64_t{0};
constexpr uint64_t kLinkToken = kWakeToken - 1;
constexpr uint64_t kAlarmToken = kWakeToken - 2;

}  // namespace

Failure Poller::start() {
  if (running_) return {};
  epoll_fd_ = sys.epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd_ < 0) return Failure::of("epoll_create1");
  wake_fd_ = sys.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWakeToken;
  if (wake_fd_ < 0 || sys.epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event) != 0) {
    const Failure failure = Failure::of("eventfd");
    close_descriptors();
    return failure;
  }
  stopping_ = false;
  // Signals belong to the threads of Node: the new thread inherits a mask that blocks them all.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  // std::thread would throw where the system has no thread left, and nobody here could catch that.
  const auto body = [](void* self) -> void* { return static_cast<Poller*>(self)->run(), nullptr; };
  const int error = pthread_create(&thread_, nullptr, body, this);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  running_ = error == 0;
  interfaces_.set_epoll(epoll_fd_, kLinkToken);
  if (!running_) close_descriptors();
  return {error, "pthread_create"};
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
  for (const auto& socket : sockets()) {
    if (socket) socket->abandon(deadline);
  }
  {
    MutexLock lock(table_mutex_);
    sockets_.assign(1, nullptr);
    generations_.assign(1, 0);
    vacant_.clear();
    used_up_.clear();
  }
  close_descriptors();
}

void Poller::close_descriptors() {
  interfaces_.stop();
  alarm_.close();
  if (wake_fd_ >= 0) sys.close(wake_fd_);
  sys.close(epoll_fd_);
  epoll_fd_ = wake_fd_ = -1;
}

Failure Poller::set_alarm(uint64_t nanoseconds) {
  if (nanoseconds == 0 && !running_) return {};
  const Failure failure = start();
  return failure ? failure : alarm_.set(epoll_fd_, kAlarmToken, nanoseconds);
}

Failure Poller::add(std::shared_ptr<Socket> socket, uint32_t* handle) {
  *handle = 0;
  {
    MutexLock lock(table_mutex_);
    uint32_t index;
    if (vacant_.empty() && sockets_.size() > kIndexMask) {
      vacant_.assign(used_up_.rbegin(), used_up_.rend());  // of which the oldest is used first
      used_up_.clear();
    }
    if (vacant_.empty()) {
      index = static_cast<uint32_t>(sockets_.size());
      if (index > kIndexMask) return {EMFILE, "epoll_ctl"};
      sockets_.push_back(nullptr);
      generations_.push_back(0);
    } else {
      index = vacant_.back();
      vacant_.pop_back();
    }
    sockets_[index] = socket;
    *handle = index | generations_[index] << kIndexBits;
  }
  const Failure failure = socket->attach(*handle);
  if (failure) {
    remove(*handle);
    *handle = 0;
  }
  return failure;
}

void Poller::remove(uint32_t handle) {
  if (find(handle) == nullptr) return;
  const uint32_t index = handle & kIndexMask;
  send_order_.forget(index);
  std::shared_ptr<Socket> last;  // destroyed after the lock is released
  MutexLock lock(table_mutex_);
  last = std::move(sockets_[index]);
  generations_[index] = (generations_[index] + 1) & (UINT32_MAX >> kIndexBits);
  (generations_[index] == 0 ? used_up_ : vacant_).push_back(index);
}

Socket* Poller::find(uint32_t handle) const {
  const uint32_t index = handle & kIndexMask;
  if (index >= sockets_.size() || generations_[index] != handle >> kIndexBits) return nullptr;
  return sockets_[index].get();
}

std::shared_ptr<Socket> Poller::share(uint32_t handle) {
  MutexLock lock(table_mutex_);
  return find(handle) == nullptr ? nullptr : sockets_[handle & kIndexMask];
}

bool Poller::add_ready(uint32_t handle) {
  MutexLock lock(ready_mutex_);
  const bool first = ready_.empty();
  const uint32_t index = handle & kIndexMask;
  if (listed_.size() <= index) listed_.resize(index + 1);
  if (std::exchange(listed_[index], handle) != handle) ready_.push_back(handle);
  return first;
}

std::vector<uint32_t> Poller::take_ready() {
  MutexLock lock(ready_mutex_);
  for (const uint32_t handle : ready_) listed_[handle & kIndexMask] = 0;
  return std::exchange(ready_, {});
}

void Poller::put_back(uint32_t handle) {
  if (add_ready(handle)) notify_();
}

void Poller::run() {
  pthread_setname_np(pthread_self(), "zerosend-poller");
  std::vector<epoll_event> events(256);
  const auto most = static_cast<int>(events.size());
  while (!stopping_) {
    const int count = sys.epoll_wait(epoll_fd_, events.data(), most,
                                     unfinished_.empty() && to_arm_.empty() ? -1 : 0);
    if (count < 0 && errno != EINTR) pause(false);  // cannot happen; but then do not spin
    for (int i = 0; i < count; ++i) begin(events[static_cast<size_t>(i)]);
    tell();
    if (!unfinished_.empty()) {
      go_on();  // which takes as long as a pause
    } else if (!to_arm_.empty()) {
      pause(std::exchange(soon_, false));
    }
    rearm();
    tell();
  }
  unfinished_.clear();
  to_arm_.clear();
}

void Poller::begin(const epoll_event& event) {
  if (event.data.u64 == kWakeToken) return;
  if (event.data.u64 == kLinkToken) return take_interface_news();
  if (event.data.u64 == kAlarmToken) {
    if (alarm_.ring()) call_due_ = true;
    return;
  }
  std::shared_ptr<Socket> socket = share(static_cast<uint32_t>(event.data.u64));
  if (!socket) return;
  const auto same = [&socket](const Work& work) { return work.socket == socket; };
  const auto known = std::find_if(unfinished_.begin(), unfinished_.end(), same);
  if (known != unfinished_.end()) {  // JavaScript has armed it meanwhile; its turn comes
    known->events |= event.events;
    return;
  }
  const Socket::Wake wake = socket->on_ready(event.events);
  settle({std::move(socket), event.events}, wake);
}

// Each unfinished socket goes on, once.
void Poller::go_on() {
  bool made_way = false;
  for (Work& work : std::exchange(unfinished_, {})) {
    if (work.socket->is_wanted()) {
      made_way = true;
      unfinished_.push_back(std::move(work));
      continue;
    }
    const Socket::Wake wake = work.socket->on_ready(work.events);
    settle(std::move(work), wake);
  }
  // Locks are not fair: a thread that lets go of one and takes it again is faster than one that has
  // to wake up.
  if (made_way) pause(true);
}

void Poller::settle(Work work, Socket::Wake wake) {
  if (wake.news && add_ready(work.socket->handle())) call_due_ = true;
  if (wake.unfinished) {
    unfinished_.push_back(std::move(work));
  } else if (wake.rearm) {
    soon_ = soon_ || wake.soon;
    to_arm_.push_back(std::move(work.socket));
  }
}

void Poller::rearm() {
  for (auto& socket : std::exchange(to_arm_, {})) {
    const SocketRearmed rearmed = socket->rearm();
    if (rearmed == SocketRearmed::kNews && add_ready(socket->handle())) call_due_ = true;
    if (rearmed == SocketRearmed::kLater) to_arm_.push_back(std::move(socket));
  }
}

void Poller::tell() {
  if (std::exchange(call_due_, false)) notify_();
}

// Ends sockets whose interface is gone. Other changes they read from the WatchedInterface.
void Poller::take_interface_news() {
  if (!interfaces_.take_news()) return;
  std::vector<std::shared_ptr<Socket>> sockets;
  {
    MutexLock lock(table_mutex_);
    sockets = sockets_;
  }
  for (const auto& socket : sockets) {
    if (socket && socket->on_interface_gone() && add_ready(socket->handle())) call_due_ = true;
  }
}

// Sleeps until the pause is over or the thread has to stop. An alarm that runs out meanwhile is
// reported at once.
void Poller::pause(bool soon) {
  using std::chrono::nanoseconds;
  const auto now = std::chrono::steady_clock::now;
  const auto end = now() + nanoseconds(soon ? kShortPauseNanoseconds : kPauseNanoseconds);
  for (auto left = end - now(); left.count() > 0; left = end - now()) {
    const timespec time{0, static_cast<long>(nanoseconds(left).count())};
    pollfd wakes[] = {{wake_fd_, POLLIN, 0}, {alarm_.fd(), POLLIN, 0}};
    if (::ppoll(wakes, 2, &time, nullptr) <= 0 || wakes[0].revents != 0) return;
    if (alarm_.ring()) notify_();
  }
}

}  // namespace zerosend
