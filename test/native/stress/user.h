#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "client.h"
#include "memory.h"
#include "random.h"
#include "reactor.h"
#include "receiver.h"
#include "signals.h"

namespace stress {

struct Totals {
  uint64_t sockets = 0;
  uint64_t rings = 0;  // of those, AF_PACKET and AF_XDP
  uint64_t sends = 0;
  uint64_t by_kind[5] = {};
  uint64_t refused = 0;
  uint64_t failed_sockets = 0;
  uint64_t aborted_sockets = 0;
  uint64_t shared = 0;
  uint64_t calls = 0;
  uint64_t wakes = 0;
  uint64_t stamps = 0;
  uint64_t putbacks = 0;
  uint64_t abandoned = 0;
  uint64_t mtu_changes = 0;
  uint64_t passed = 0;
};

// What was sent over one TCP connection, for the receiver's report.
struct Sent {
  uint64_t messages;
  bool all_must_arrive;
};

// The program that uses the library: opens sockets, sends, shares, closes, all at random, on the
// main thread. One lives as long as one environment (a poller and its sockets).
class User {
 public:
  // `rings`: open transmit rings of the loopback interface too, which must be one of our own.
  User(Random random, SignalStorm& storm, Receiver& receiver, size_t max_sockets, bool rings,
       Totals& totals, std::map<uint32_t, Sent>& sent);
  ~User();

  void run(std::chrono::milliseconds time);
  // Closes every socket in order and waits for all ids, by notifications alone.
  void finish();
  // Ends the environment with whatever is outstanding, as when a worker is terminated.
  void abandon();

 private:
  using Clock = std::chrono::steady_clock;

  // user_open.cc
  void open();
  std::shared_ptr<zerosend::Socket> open_inet(Client& client);
  std::shared_ptr<zerosend::Socket> open_packet(Client& client);
  std::shared_ptr<zerosend::Socket> open_xdp(Client& client);
  void use_ring(Client& client, std::shared_ptr<zerosend::Slab> slab, uint32_t max_length,
                bool in_order);
  bool start_poller();
  void add_pool();
  void drop_pool();

  // user_send.cc
  void send_some(Client& client);
  void send_one(Client& client);
  void send_many(Client& client);
  void send_shared();
  uint32_t length_for(const Client& client, uint64_t id);
  Pool* pool_for(Client& client, uint32_t length);
  bool fill_slot(Client& client, uint64_t id, zerosend::Source* source, Holder* holder);
  void fill_plain(Client& client, uint64_t id, zerosend::Source* source, Holder* holder);
  bool make_source(Client& client, uint64_t id, zerosend::Source* source, Holder* holder);
  void give_back(Holder&& holder);
  // Books the answer of a send; false when no id was taken.
  bool accepted(Client& client, int32_t code, size_t count, uint32_t queued);

  // user.cc
  void act();
  void change_mtu();
  void listen(Client& client);
  void look_around(Client& client);
  void begin_close(Client& client);
  void abort(Client& client);
  void settle();
  void close(Client& client);
  void step();
  void wait_for(Client& client);
  [[noreturn]] void lost(const Client& client);
  Client* any_client();

  Random random_;
  Receiver& receiver_;
  const size_t max_sockets_;
  const bool rings_;
  Totals& totals_;
  std::map<uint32_t, Sent>& sent_;
  std::vector<std::unique_ptr<Pool>> pools_;  // also those that were dropped, for their books
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<uint32_t> old_handles_;
  Reactor reactor_;
  bool quiet_ = false;  // no more sends: only waiting
  uint32_t quiet_steps_ = 0;
};

}  // namespace stress
