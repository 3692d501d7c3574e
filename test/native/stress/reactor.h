#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <unordered_map>
#include <vector>

#include "client.h"
#include "random.h"
#include "signals.h"
#include "threads/poller.h"

namespace stress {

// JavaScript's side of the arm/notify/reap protocol, step by step as lib/addon/reactor.ts and
// native/node/environment.cc do it. Everything but `notify` runs on the main thread.
class Reactor {
 public:
  // `listener` runs for each socket of a turn after its records were taken in, as listeners do.
  Reactor(Random random, SignalStorm& storm, std::function<void(Client&)> listener);
  ~Reactor();

  zerosend::Poller& poller() { return poller_; }
  zerosend::Socket& socket(const Client& client);

  void add(Client& client) { clients_[client.handle] = &client; }
  void remove(Client& client);

  void mark_busy(Client& client);  // before each send
  void poll(Client& client);       // takes in what has finished
  bool deliver_if_called();        // the callback of the thread-safe function
  bool turn();                     // of the event loop; false when nothing was scheduled
  void wait(int milliseconds);     // for a call of the poller
  bool idle() const { return busy_.empty(); }
  void stop();  // ends the poller, whatever is outstanding

  uint64_t calls() const { return calls_.load(); }
  uint64_t putbacks() const { return putbacks_; }

 private:
  void notify();
  size_t collect(Client& client, size_t room, bool* more);

  Random random_;
  SignalStorm& storm_;
  const std::function<void(Client&)> listener_;
  std::unordered_map<uint32_t, Client*> clients_;
  std::vector<uint32_t> busy_;  // handles, since clients can go away
  const size_t batch_;          // records of one call; small, so that some do not fit
  uint64_t putbacks_ = 0;
  int event_fd_;
  std::atomic<bool> stopped_{false};
  std::atomic<int> pending_{0};  // calls under way
  std::atomic<uint64_t> calls_{0};
  zerosend::Poller poller_;
};

}  // namespace stress
