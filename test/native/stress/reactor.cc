#include "reactor.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "check.h"

namespace stress {

using zerosend::Record;
using zerosend::Socket;

namespace {

bool on_main_thread() { return ::syscall(SYS_gettid) == ::getpid(); }

}  // namespace

Reactor::Reactor(Random random, SignalStorm& storm, std::function<void(Client&)> listener)
    : random_(random),
      storm_(storm),
      listener_(std::move(listener)),
      batch_(random_.one_in(3) ? random_.between(1, 4) : random_.between(16, 200)),
      event_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      poller_([this] { notify(); }) {
  MUST(event_fd_ >= 0, "eventfd");
}

Reactor::~Reactor() {
  stop();
  ::close(event_fd_);
}

void Reactor::stop() {
  poller_.stop();
  stopped_ = true;
}

// On the poller thread, or on the main thread within put_back().
void Reactor::notify() {
  if (storm_.running() && !on_main_thread()) storm_.let_in_poller();
  MUST(!stopped_, "notified after the end");
  ++calls_;
  MUST(++pending_ == 1, "notified while a call was under way");
  const uint64_t one = 1;
  while (::write(event_fd_, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

Socket& Reactor::socket(const Client& client) {
  Socket* socket = poller_.find(client.handle);
  MUST(socket != nullptr, "handle %#x of key %u finds nothing", client.handle, client.key);
  return *socket;
}

void Reactor::remove(Client& client) {
  clients_.erase(client.handle);
  poller_.remove(client.handle);
  MUST(poller_.find(client.handle) == nullptr, "a removed handle finds something");
}

void Reactor::mark_busy(Client& client) {
  client.active = true;
  if (client.scheduled) return;
  client.scheduled = true;
  busy_.push_back(client.handle);
}

size_t Reactor::collect(Client& client, size_t room, bool* more) {
  Record records[64];
  size_t count = 0;
  *more = true;
  while (*more && count < room) {
    const size_t max = std::min<size_t>(room - count, random_.between(1, 64));
    const size_t taken = socket(client).take(records, max, more);
    MUST(taken <= max, "%zu records, %zu were asked for", taken, max);
    for (size_t i = 0; i < taken; ++i) client.take_in(records[i]);
    count += taken;
  }
  return count;
}

void Reactor::poll(Client& client) {
  size_t records;
  do {
    socket(client).poll();
    bool more;
    records = collect(client, batch_, &more);
  } while (records == batch_);
}

bool Reactor::deliver_if_called() {
  uint64_t value;
  if (::read(event_fd_, &value, sizeof value) < 0) return false;
  --pending_;
  size_t count = 0;
  for (const uint32_t handle : poller_.take_ready()) {
    const auto found = clients_.find(handle);
    MUST((found == clients_.end()) == (poller_.find(handle) == nullptr), "handle %#x", handle);
    if (found == clients_.end()) continue;
    bool more = true;
    if (count < batch_) count += collect(*found->second, batch_ - count, &more);
    if (more) {
      ++putbacks_;
      poller_.put_back(handle);
    }
  }
  return true;
}

bool Reactor::turn() {
  const std::vector<uint32_t> turn = std::exchange(busy_, {});
  for (const uint32_t handle : turn) {
    const auto found = clients_.find(handle);
    if (found == clients_.end()) continue;
    Client& client = *found->second;
    const bool active = std::exchange(client.active, false);
    poll(client);
    listener_(client);
    if (clients_.find(handle) == clients_.end()) continue;
    client.scheduled = false;
    if (active || client.active || socket(client).arm()) {
      client.scheduled = true;
      busy_.push_back(handle);
    }
  }
  return !turn.empty();
}

void Reactor::wait(int milliseconds) {
  pollfd called{event_fd_, POLLIN, 0};
  ::poll(&called, 1, milliseconds);
}

}  // namespace stress
