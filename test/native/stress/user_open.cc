#include <cerrno>
#include <utility>

#include "check.h"
#include "content.h"
#include "kernel/open.h"
#include "sockets/inet/tcp_socket.h"
#include "sockets/inet/udp_socket.h"
#include "sockets/rings/packet_socket.h"
#include "sockets/rings/xdp_socket.h"
#include "user.h"

namespace stress {

using zerosend::Address;
using zerosend::HugePages;
using zerosend::InetSocket;
using zerosend::Opened;
using zerosend::OpenOptions;
using zerosend::Slab;
using zerosend::Socket;
using zerosend::TcpSocket;
using zerosend::UdpSocket;

// May fail when system calls are made to fail; the next attempt starts from the beginning.
bool User::start_poller() {
  const zerosend::Failure failure = reactor_.poller().start();
  MUST(!failure || reactor_.poller().epoll_fd() < 0, "a poller that did not start has an epoll");
  return !failure;
}

void User::open() {
  if (!start_poller()) return;
  auto client = std::make_unique<Client>();
  client->key = static_cast<uint32_t>(random_.next());
  // Around the places where a 32-bit count would end.
  if (random_.one_in(3)) client->first_id = (uint64_t{1} << 32) - random_.below(200);
  client->next_id = client->first_id;
  std::shared_ptr<Socket> socket;
  if (rings_ && random_.one_in(6)) {
    socket = random_.one_in(2) ? open_packet(*client) : open_xdp(*client);
  } else {
    socket = open_inet(*client);
  }
  if (!socket) return;
  const int error = reactor_.poller().add(std::move(socket), &client->handle).error;
  MUST((client->handle == 0) == (error != 0), "handle %#x with errno %d", client->handle, error);
  if (client->handle == 0) return;
  ++totals_.sockets;
  if (client->ring()) ++totals_.rings;
  reactor_.add(*client);
  clients_.push_back(std::move(client));
}

std::shared_ptr<Socket> User::open_packet(Client& client) {
  client.kind = Client::Kind::kPacket;
  zerosend::PacketOptions options;
  options.interface = "lo";
  options.frames = random_.between(4, 64);
  options.frame_size = random_.one_in(2) ? 2048 : 9000;
  options.qdisc_bypass = random_.one_in(3);
  std::shared_ptr<zerosend::PacketSocket> socket;
  zerosend::PacketSocket::open(options, reactor_.poller().epoll_fd(),
                               reactor_.poller().interfaces(), client.first_id, &socket);
  if (!socket) return nullptr;
  use_ring(client, socket->ring(), socket->max_length(), true);
  return socket;
}

std::shared_ptr<Socket> User::open_xdp(Client& client) {
  client.kind = Client::Kind::kXdp;
  zerosend::XdpOptions options;
  options.interface = "lo";
  options.mode = zerosend::XdpOptions::Mode::kCopy;
  Slab::create(random_.one_in(2) ? 2048 : 4096, random_.between(4, 64), HugePages::kNone,
               &options.umem);
  if (!options.umem) return nullptr;
  std::shared_ptr<zerosend::XdpSocket> socket;
  zerosend::XdpSocket::open(options, reactor_.poller().epoll_fd(), reactor_.poller().interfaces(),
                            client.first_id, &socket);
  if (!socket) return nullptr;
  use_ring(client, options.umem, socket->max_length(), false);
  return socket;
}

void User::use_ring(Client& client, std::shared_ptr<Slab> slab, uint32_t max_length,
                    bool in_order) {
  client.state = Client::State::kOpen;
  client.max_queued = slab->slots();
  client.max_length = client.cell_size = max_length;
  client.own_pool = std::make_unique<Pool>(std::move(slab), in_order);
}

std::shared_ptr<Socket> User::open_inet(Client& client) {
  client.kind = random_.one_in(2) ? Client::Kind::kTcp : Client::Kind::kUdp;
  client.may_be_refused = random_.one_in(client.tcp() ? 30 : 8);
  const Receiver::Ports& ports = receiver_.ports();
  const bool v6 = ports.v6 && random_.one_in(3);
  Address remote;
  const uint16_t port = client.tcp() ? ports.tcp : ports.udp;
  Address::parse(v6 ? "::1" : "127.0.0.1", client.may_be_refused ? ports.closed : port, &remote);

  OpenOptions options;
  options.family = v6 ? AF_INET6 : AF_INET;
  options.zerocopy = !random_.one_in(10);
  // Small ones make sends wait for room, and go out in pieces.
  if (random_.one_in(2)) options.send_buffer_size = random_.between(5000, 300'000);
  if (client.tcp()) {
    options.remote = remote;
    client.cell_size = client.max_length = kMaxMessage;
  } else {
    if (random_.one_in(3)) {
      client.destination = remote;
    } else {
      options.remote = remote;
    }
    if (random_.one_in(3)) options.segment_size = random_.between(600, 1400);
    client.max_length = options.segment_size > 0 ? options.segment_size * 40 : kMaxDatagram;
    client.cell_size = options.segment_size > 0 ? options.segment_size : kMaxMessage;
    client.state = Client::State::kOpen;
  }
  const Opened opened = client.tcp() ? open_tcp(options) : open_udp(options);
  if (opened.fd < 0) return nullptr;

  InetSocket::Setup setup{};
  setup.fd = opened.fd;
  setup.zerocopy = options.zerocopy && opened.zerocopy_error == 0;
  setup.max_queued = client.max_queued = random_.between(1, 64);
  if (random_.one_in(4)) setup.timestamps = zerosend::Timestamps::kSoftware;
  setup.epoll_fd = reactor_.poller().epoll_fd();
  setup.first_id = client.first_id;
  // The kernel's own count always starts at 0.
  if (random_.one_in(3)) setup.first_kernel_id = uint64_t{random_.below(1000)} << 32;
  if (client.tcp()) return std::make_shared<TcpSocket>(setup);
  return std::make_shared<UdpSocket>(setup);
}

void User::add_pool() {
  constexpr size_t kSizes[] = {4096, 16384, 65536};
  std::shared_ptr<Slab> slab;
  Slab::create(kSizes[random_.below(3)], random_.between(4, 40),
               random_.one_in(2) ? HugePages::kTransparent : HugePages::kNone, &slab);
  if (slab) pools_.push_back(std::make_unique<Pool>(std::move(slab)));
}

// The pool goes away while the kernel still reads from it.
void User::drop_pool() {
  if (pools_.empty()) return;
  Pool& pool = *pools_[random_.below(static_cast<uint32_t>(pools_.size()))];
  if (!pool.dropped()) pool.drop();
}

}  // namespace stress
