#include "submission.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "check.h"
#include "kernel/open.h"
#include "publisher.h"
#include "sockets/inet/tcp_socket.h"
#include "sockets/inet/udp_socket.h"
#include "sockets/news.h"
#include "threads/poller.h"

namespace stress {
namespace {

using zerosend::Address;
using zerosend::InetSocket;
using zerosend::Line;
using zerosend::Record;
using zerosend::SharedCells;
using zerosend::Slab;
using zerosend::Socket;
using Clock = std::chrono::steady_clock;

// A peer on loopback: reads a stream and drops it, or leaves datagrams unread.
class Peer {
 public:
  explicit Peer(int type) : fd_(::socket(AF_INET, type | SOCK_CLOEXEC, 0)) {
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof any;
    MUST(::bind(fd_, reinterpret_cast<sockaddr*>(&any), sizeof any) == 0 &&
             ::getsockname(fd_, reinterpret_cast<sockaddr*>(&any), &length) == 0,
         "a peer: errno %d", errno);
    port_ = ntohs(any.sin_port);
    if (type != SOCK_STREAM) return;
    MUST(::listen(fd_, 64) == 0, "listen");
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~Peer() {
    ::shutdown(fd_, SHUT_RDWR);
    if (acceptor_.joinable()) acceptor_.join();
    for (std::thread& reader : readers_) reader.join();
    ::close(fd_);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  Address address() const {
    Address address;
    MUST(Address::parse("127.0.0.1", port_, &address), "address");
    return address;
  }

 private:
  void accept_all() {
    for (;;) {
      const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      readers_.emplace_back([fd] {
        std::vector<uint8_t> input(1 << 18);
        while (::recv(fd, input.data(), input.size(), 0) > 0) {
        }
        ::close(fd);
      });
    }
  }

  int fd_;
  uint16_t port_ = 0;
  std::thread acceptor_;
  std::vector<std::thread> readers_;
};

struct Client {
  std::shared_ptr<Socket> socket;
  std::unique_ptr<SharedCells> cells = std::make_unique<SharedCells>();
  uint32_t handle = 0;
  bool tcp = false;
  bool connecting = false;
  bool closing = false;
  uint64_t next = 0;
  std::set<uint64_t> in_flight;
  uint64_t asked = 0;  // `drain` is due when all ids below are accepted
  bool needs_drain = false;
};

// One environment.
class Environment {
 public:
  Environment(Random random, Peer& stream, Peer& datagrams)
      : random_(random),
        stream_(stream),
        datagrams_(datagrams),
        publisher_(random_.one_in(2) ? 0u - random_.below(5000) : 0),
        poller_([this] { publisher_.notify(); }),
        submitter_([this] { publisher_.notify(); }) {}

  ~Environment() {
    submitter_.stop();
    poller_.stop();
  }

  uint64_t run(Clock::time_point end) {
    while (poller_.start()) {
    }
    MUST(!submitter_.start(&publisher_.shared(), random_.one_in(2) ? 50'000 : 0), "no thread");
    for (uint32_t i = 0; i < 4; ++i) add_pool();
    use_both_rings();
    while (Clock::now() < end) {
      act();
      if (random_.one_in(3)) look();
      if (random_.one_in(20)) rest();
    }
    if (random_.one_in(3)) return published_;  // abandoned with whatever is in flight
    for (auto& [handle, client] : clients_) begin_close(*client);
    while (!clients_.empty()) {
      look();
      settle();
      if (!clients_.empty() && !some_are_done()) publisher_.wait();
    }
    return published_;
  }

 private:
  void add_pool() {
    std::shared_ptr<Slab> slab;
    while (Slab::create(4096, 16, zerosend::HugePages::kNone, &slab)) {
    }
    const uint32_t handle = ++slab_handles_;
    submitter_.set_slab(handle, slab);
    slabs_[handle] = slab;
  }

  // What is published of it still goes out.
  void drop_pool() {
    const auto found = slabs_.begin();
    submitter_.drop_slab(found->first);
    slabs_.erase(found);
    add_pool();
  }

  Client* open(bool tcp) {
    auto client = std::make_unique<Client>();
    client->tcp = tcp;
    zerosend::OpenOptions options;
    options.family = AF_INET;
    options.remote = client->tcp ? stream_.address() : datagrams_.address();
    options.send_buffer_size = client->tcp ? 20'000 : 0;
    const zerosend::Opened opened = client->tcp ? open_tcp(options) : open_udp(options);
    if (opened.fd < 0) return nullptr;
    InetSocket::Setup setup{};
    setup.fd = opened.fd;
    setup.zerocopy = opened.zerocopy_error == 0;
    setup.max_queued = 1 << 20;
    setup.epoll_fd = poller_.epoll_fd();
    setup.first_id = random_.one_in(3) ? (uint64_t{1} << 32) - random_.below(100) : 0;
    if (client->tcp) {
      client->socket = std::make_shared<zerosend::TcpSocket>(setup);
    } else {
      client->socket = std::make_shared<zerosend::UdpSocket>(setup);
    }
    client->next = client->asked = setup.first_id;
    client->connecting = client->tcp;
    client->cells->accepted = static_cast<uint32_t>(setup.first_id);
    client->cells->drain_at = static_cast<uint32_t>(setup.first_id);
    // As JavaScript does it: the channel comes a moment after the socket.
    if (poller_.add(client->socket, &client->handle)) return nullptr;
    submitter_.add(client->handle, client->socket, *client->cells, setup.first_id);
    Client* const opened_client = client.get();
    clients_[client->handle] = std::move(client);
    return opened_client;
  }

  // Sends and reads records with nothing else between, which would order the two threads as well:
  // the rings wrap, and only their positions keep each side from what the other still reads.
  void use_both_rings() {
    Client* client = open(false);
    if (client == nullptr) return;
    for (uint32_t sent = 0; sent < 12'000; sent += 50) {
      publisher_.reserve(submitter_, 50);
      for (uint32_t i = 0; i < 50; ++i) {
        uint32_t* const line = publisher_.line(i);
        line[Line::kOperation] = Line::kSend | (i % 2 ? Line::kZeroCopy : 0);  // do not merge
        line[Line::kHandle] = client->handle;
        line[Line::kSlab] = slabs_.begin()->first;
        line[Line::kSlot] = i % 16;
        line[Line::kLength] = 64;
      }
      publisher_.publish(submitter_, 50);
      give(*client, 50);
    }
    const Clock::time_point patience = Clock::now() + std::chrono::seconds(40);
    while (!client->in_flight.empty()) {
      publisher_.look([this](const double* record) { take(record); }, [this] { pump(); });
      MUST(Clock::now() < patience, "%zu ids do not complete", client->in_flight.size());
    }
  }

  Client* any() {
    if (clients_.empty()) return nullptr;
    auto at = clients_.begin();
    std::advance(at, random_.below(static_cast<uint32_t>(clients_.size())));
    return at->second.get();
  }

  void act() {
    if (clients_.size() < 8 && random_.one_in(20)) open(random_.one_in(2));
    if (random_.one_in(200)) drop_pool();
    Client* client = any();
    if (client == nullptr || client->connecting || client->closing) return;
    if (client->in_flight.size() < 3000) send(*client);
    if (random_.one_in(50)) submitter_.call_for(client->handle);
    if (random_.one_in(50)) ask_for_drain(*client);
    if (random_.one_in(60)) {
      submitter_.take_in();
      client->socket->hand_over_all(true);
    }
    if (random_.one_in(60)) client->socket->counters();
    if (random_.one_in(300)) begin_close(*client);
    if (random_.one_in(500)) {
      client->closing = true;
      submitter_.take_in();
      client->socket->abort();
    }
  }

  void give(Client& client, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) client.in_flight.insert(client.next++);
    published_ += count;
  }

  void send(Client& client) {
    auto slab = slabs_.begin();
    std::advance(slab, random_.below(static_cast<uint32_t>(slabs_.size())));
    if (random_.one_in(30)) {  // a plain array
      zerosend::Source source;
      source.data = plain_;
      source.length = random_.between(1, sizeof plain_);
      uint32_t waiting = 0;
      submitter_.take_in();
      if (client.socket->send_behind(source, nullptr, &waiting) == 0) give(client, 1);
      submitter_.call_for(client.handle);
      return;
    }
    if (random_.one_in(4)) {  // a run
      const uint32_t first = random_.below(8);
      const uint32_t count = random_.between(1, 8);
      const bool own = random_.one_in(2);
      publisher_.reserve(submitter_, 2);
      uint32_t* const line = publisher_.line(0);
      line[Line::kOperation] = Line::kRun;
      line[Line::kHandle] = client.handle;
      line[Line::kSlab] = slab->first;
      line[Line::kSlot] = first;
      line[Line::kLength] = 100 | zerosend::Run::kZeroCopy;
      line[Line::kCount] = count;
      line[Line::kLengths] = own ? 1 : 0;
      for (uint32_t i = 0; own && i < count; ++i) publisher_.line(1)[i] = random_.between(1, 4096);
      publisher_.publish(submitter_, own ? 2 : 1);
      give(client, count);
      return;
    }
    const uint32_t count = random_.one_in(3) ? random_.between(1, 200) : 1;
    publisher_.reserve(submitter_, count);
    for (uint32_t i = 0; i < count; ++i) {
      uint32_t* const line = publisher_.line(i);
      line[Line::kOperation] = Line::kSend | (random_.one_in(2) ? Line::kZeroCopy : 0);
      line[Line::kHandle] = client.handle;
      line[Line::kSlab] = random_.one_in(500) ? 999 : slab->first;  // there is no such slab
      line[Line::kSlot] = random_.below(16);
      line[Line::kLength] = random_.between(1, 4096);
      if (client.tcp || !random_.one_in(5)) continue;
      const Address to = datagrams_.address();
      line[Line::kOperation] |= Line::kAddressed;
      line[Line::kAddress] = to.length;
      std::memcpy(line + Line::kAddress + 1, &to.v6, sizeof to.v6);
    }
    publisher_.publish(submitter_, count);
    give(client, count);
  }

  void ask_for_drain(Client& client) {
    SharedCells& cells = *client.cells;
    if (client.needs_drain || cells.waiting.load() == 0) return;
    client.asked = client.next;
    cells.drain_at.store(static_cast<uint32_t>(client.next), std::memory_order_seq_cst);
    client.needs_drain = cells.waiting.load(std::memory_order_seq_cst) != 0;
  }

  void begin_close(Client& client) {
    if (std::exchange(client.closing, true)) return;
    submitter_.call_for(client.handle);
    client.socket->begin_close();
  }

  void look() {
    // News that came before its socket had a channel.
    for (const uint32_t handle : poller_.take_ready()) {
      if (Socket* socket = poller_.find(handle)) socket->report_again();
    }
    publisher_.look([this](const double* record) { take(record); }, [this] { pump(); });
    settle();
  }

  void pump() {
    for (const uint32_t handle : submitter_.take_backlog()) {
      const auto found = clients_.find(handle);
      if (found != clients_.end()) found->second->socket->report_again();
    }
  }

  void take(const double* record) {
    const auto found = clients_.find(static_cast<uint32_t>(record[0]));
    if (found == clients_.end()) return;
    Client& client = *found->second;
    const auto kind = static_cast<uint32_t>(record[1]);
    const auto first = static_cast<uint64_t>(record[2]);
    const auto last = static_cast<uint64_t>(record[3]);
    if (kind == Record::kConnected) client.connecting = false;
    if (kind == Record::kError) client.closing = true;
    if (kind == Record::kDrain && first >= client.asked) client.needs_drain = false;
    if (kind > 3 && kind < Record::kFailure) return;
    MUST(first <= last, "a range that runs backwards");
    for (uint64_t id = first; id <= last; ++id) {
      MUST(client.in_flight.erase(id) == 1, "id %" PRIu64 " of %#x completes, next %" PRIu64, id,
           client.handle, client.next);
    }
  }

  bool is_done(const Client& client) const { return client.closing && client.in_flight.empty(); }

  bool some_are_done() const {
    for (const auto& [handle, client] : clients_) {
      if (is_done(*client)) return true;
    }
    return false;
  }

  void settle() {
    for (auto at = clients_.begin(); at != clients_.end();) {
      Client& client = *at->second;
      if (!is_done(client)) {
        ++at;
        continue;
      }
      client.socket->close();
      submitter_.remove(client.handle);
      poller_.remove(client.handle);
      at = clients_.erase(at);
    }
  }

  // As an event loop that has nothing to do, until it is called. Nothing that is in flight may be
  // forgotten.
  void rest() {
    for (const auto& [handle, client] : clients_) {
      if (client->in_flight.empty() && !client->needs_drain) continue;
      publisher_.wait();
      look();
      return;
    }
  }

  Random random_;
  Peer& stream_;
  Peer& datagrams_;
  Publisher publisher_;
  uint8_t plain_[3000] = {};
  std::map<uint32_t, std::shared_ptr<Slab>> slabs_;
  uint32_t slab_handles_ = 0;
  std::map<uint32_t, std::unique_ptr<Client>> clients_;
  uint64_t published_ = 0;
  zerosend::Poller poller_;
  zerosend::Submitter submitter_;
};

}  // namespace

uint64_t run_submission(Random random, Clock::time_point end) {
  Peer stream(SOCK_STREAM);
  Peer datagrams(SOCK_DGRAM);
  uint64_t published = 0;
  while (Clock::now() < end) {
    Environment environment(Random(random.next()), stream, datagrams);
    const auto time = std::chrono::milliseconds(random.between(50, 800));
    published += environment.run(std::min(end, Clock::now() + time));
  }
  return published;
}

}  // namespace stress
