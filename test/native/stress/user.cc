#include "user.h"

#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "check.h"
#include "content.h"
#include "loopback.h"

namespace stress {
namespace {

// All receivers read on within a fraction of a second, so nothing takes this long but by waiting
// for a wake-up that does not come.
constexpr std::chrono::seconds kPatience{40};

}  // namespace

User::User(Random random, SignalStorm& storm, Receiver& receiver, size_t max_sockets, bool rings,
           Totals& totals, std::map<uint32_t, Sent>& sent)
    : random_(random),
      receiver_(receiver),
      max_sockets_(max_sockets),
      rings_(rings),
      totals_(totals),
      sent_(sent),
      reactor_(Random(random_.next()), storm, [this](Client& client) { listen(client); }) {}

User::~User() {
  reactor_.stop();
  totals_.calls += reactor_.calls();
  totals_.putbacks += reactor_.putbacks();
}

Client* User::any_client() {
  if (clients_.empty()) return nullptr;
  return clients_[random_.below(static_cast<uint32_t>(clients_.size()))].get();
}

void User::run(std::chrono::milliseconds time) {
  const Clock::time_point end = Clock::now() + time;
  add_pool();
  while (Clock::now() < end) {
    act();
    step();
  }
}

// One turn of the event loop; sleeps when there is nothing to do.
void User::step() {
  reactor_.deliver_if_called();
  reactor_.turn();
  settle();
  receiver_.collect();
  if (reactor_.idle()) reactor_.wait(quiet_ ? 5 : random_.one_in(4));
  // Only waiting: no traffic of ours sees to it that what was received is freed.
  if (quiet_ && ++quiet_steps_ % 32 == 0) receive_on_every_cpu();
}

void User::act() {
  if (clients_.size() < max_sockets_ && random_.one_in(3)) open();
  if (pools_.size() < 4 && random_.one_in(50)) add_pool();
  if (random_.one_in(2000)) drop_pool();
  if (!pools_.empty() && random_.one_in(10)) {
    pools_[random_.below(static_cast<uint32_t>(pools_.size()))]->replace_one();
  }
  if (random_.one_in(8)) send_shared();
  for (uint32_t left = random_.below(4); left > 0; --left) {
    Client* client = any_client();
    if (client == nullptr) return;
    send_some(*client);
    if (random_.one_in(6)) look_around(*client);
    if (random_.one_in(40)) {
      begin_close(*client);
    } else if (random_.one_in(120)) {
      abort(*client);
    } else if (random_.one_in(150)) {
      wait_for(*client);
    }
  }
}

// Of the loopback interface, which is our own where rings are: frames that were checked by the old
// MTU may be handed over or be on their way. Never so low that a segment of UDP would not fit.
void User::change_mtu() {
  constexpr int kSizes[] = {1500, 4000, 65536};
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_mtu = kSizes[random_.below(3)];
  MUST(::ioctl(fd, SIOCSIFMTU, &request) == 0, "the MTU does not change: errno %d", errno);
  ::close(fd);
  ++totals_.mtu_changes;
}

// A `complete` listener: may send, poll, close.
void User::listen(Client& client) {
  if (quiet_) return;
  if (random_.one_in(10)) send_one(client);
  if (random_.one_in(50)) reactor_.poll(client);
  if (random_.one_in(400)) begin_close(client);
}

// Everything that may be called at any time, by name or by a handle of the past.
void User::look_around(Client& client) {
  zerosend::Socket& socket = reactor_.socket(client);
  MUST(sends_of(socket) == client.given(), "key %u: %" PRIu64 " sends", client.key,
       sends_of(socket));
  const uint64_t progress = socket.progress();
  MUST(socket.progress() >= progress, "key %u: progress that goes back", client.key);
  MUST(socket.fd() >= 0, "key %u: no descriptor", client.key);
  MUST(!socket.state().ids_uncertain, "key %u: ids uncertain", client.key);
  for (const uint32_t handle : old_handles_) {
    MUST(reactor_.poller().find(handle) == nullptr, "the old handle %#x finds a socket", handle);
  }
  MUST(reactor_.poller().find(static_cast<uint32_t>(random_.next()) | 0xfffff) == nullptr,
       "a handle that never was finds a socket");
}

void User::begin_close(Client& client) {
  if (client.state == Client::State::kClosing) return;
  // Nothing can be sent any more into a hole of the ring, so what stands behind it never goes out.
  if (client.ring() && client.own_pool->has_hole()) return abort(client);
  client.state = Client::State::kClosing;
  reactor_.socket(client).begin_close();
  reactor_.mark_busy(client);
}

void User::abort(Client& client) {
  client.state = Client::State::kClosing;
  client.aborted = true;
  ++totals_.aborted_sockets;
  reactor_.socket(client).abort();
  reactor_.poll(client);
  MUST(client.outstanding() == 0, "key %u: %zu ids outstanding after an abort", client.key,
       client.outstanding());
  reactor_.mark_busy(client);
}

// Sockets that failed begin to close; those that are closing and have nothing left, close.
void User::settle() {
  for (size_t i = clients_.size(); i-- > 0;) {
    Client& client = *clients_[i];
    if (client.errored) client.state = Client::State::kClosing;
    if (client.state != Client::State::kClosing || client.outstanding() > 0) continue;
    int unsent = 0;
    if (client.tcp() && !client.errored && !client.aborted &&
        ::ioctl(reactor_.socket(client).fd(), SIOCOUTQ, &unsent) == 0 && unsent > 0) {
      continue;
    }
    close(client);
    clients_[i] = std::move(clients_.back());
    clients_.pop_back();
  }
}

void User::close(Client& client) {
  zerosend::Socket& socket = reactor_.socket(client);
  reactor_.poll(client);  // an error that nobody has heard of yet
  zerosend::Counters counters = socket.counters();
  client.check(counters);
  totals_.wakes += counters[zerosend::Counter::wakes];
  totals_.stamps += client.stamps();
  totals_.passed += client.passed();
  if (client.errored) ++totals_.failed_sockets;
  for (size_t kind = 0; kind < 5; ++kind) {
    constexpr zerosend::Counter kKinds[] = {zerosend::Counter::zerocopy, zerosend::Counter::copied,
                                            zerosend::Counter::inlined, zerosend::Counter::revoked,
                                            zerosend::Counter::failed};
    totals_.by_kind[kind] += counters[kKinds[kind]];
  }
  if (client.tcp()) {
    const bool orderly = !client.errored && !client.aborted &&
                         peer_of(client.key) != Peer::kResetting &&
                         peer_of(client.key) != Peer::kTalking;
    sent_[client.key] = {client.given(), orderly};
  }
  if (!random_.one_in(8)) socket.close();  // else the last owner does, on whichever thread
  reactor_.remove(client);
  old_handles_.push_back(client.handle);
  if (old_handles_.size() > 64) old_handles_.erase(old_handles_.begin());
}

// Idle until the socket has nothing outstanding: nothing but wake-ups can bring that about.
void User::wait_for(Client& client) {
  const bool before = std::exchange(quiet_, true);
  const uint32_t handle = client.handle;
  const Clock::time_point deadline = Clock::now() + kPatience;
  for (;;) {
    const auto same = std::find_if(clients_.begin(), clients_.end(),
                                   [handle](const auto& other) { return other->handle == handle; });
    if (same == clients_.end() || (*same)->outstanding() == 0) break;
    // What stands behind a hole waits for the sends that we do not make now.
    if ((*same)->ring() && (*same)->own_pool->has_hole()) break;
    if (Clock::now() > deadline) lost(**same);
    step();
  }
  quiet_ = before;
}

void User::lost(const Client& client) {
  zerosend::Counters counters = reactor_.socket(client).counters();
  constexpr const char* kNames[] = {"tcp", "udp", "packet", "xdp"};
  DIE("key %u (%s, peer %d, state %d): %zu ids still outstanding; the library says %" PRIu64
      " sends, %" PRIu64 " completed, %" PRIu64 " wakes",
      client.key, kNames[static_cast<size_t>(client.kind)], static_cast<int>(peer_of(client.key)),
      static_cast<int>(client.state), client.outstanding(), counters[zerosend::Counter::sends],
      counters[zerosend::Counter::completed], counters[zerosend::Counter::wakes]);
}

void User::finish() {
  quiet_ = true;
  for (const auto& client : clients_) begin_close(*client);
  const Clock::time_point deadline = Clock::now() + kPatience;
  while (!clients_.empty()) {
    if (Clock::now() > deadline) lost(*clients_.front());
    step();
  }
  for (const auto& pool : pools_) MUST(pool->whole(), "a slot is held by nobody");
}

void User::abandon() {
  for (const auto& client : clients_) {
    totals_.abandoned += client->outstanding();
    if (client->tcp()) sent_[client->key] = {client->given(), false};
  }
  for (const auto& pool : pools_) {
    if (random_.one_in(2)) pool->drop();
  }
  reactor_.stop();
  for (const uint32_t handle : old_handles_) {
    MUST(reactor_.poller().find(handle) == nullptr, "a handle survived the end");
  }
  for (const auto& client : clients_) {
    MUST(reactor_.poller().find(client->handle) == nullptr, "a socket survived the end");
  }
}

}  // namespace stress
