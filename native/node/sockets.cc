#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "core/counters.h"
#include "kernel/egress.h"
#include "kernel/open.h"
#include "kernel/syscalls.h"
#include "node/arguments.h"
#include "node/binding.h"
#include "node/devices.h"
#include "node/settings.h"
#include "sockets/inet/tcp_socket.h"
#include "sockets/inet/udp_socket.h"

namespace zerosend {
namespace {

Socket* socket_of(Info info) { return environment_of(info).poller().find(unsigned_of(info[0])); }

// Reads `{ address, port }` into `out`. False when there is an address that is not numeric.
bool read_address(const Napi::Value& value, Address* out) {
  if (!value.IsObject()) return true;
  const Napi::Value address = property(value, "address");
  if (!address.IsString()) return false;
  const auto port = static_cast<uint16_t>(unsigned_of(property(value, "port")));
  return Address::parse(address.As<Napi::String>().Utf8Value().c_str(), port, out);
}

Napi::Value open(Info info, bool tcp) {
  const Napi::Env env = info.Env();
  Environment& environment = environment_of(info);
  if (!info[0].IsObject()) return failure(env, EINVAL, "socket");
  OpenOptions options;
  const auto given = [&](const char* name) { return property(info[0], name); };
  if (!read_address(given("remote"), &options.remote)) return failure(env, EINVAL, "connect");
  if (!read_address(given("local"), &options.local)) return failure(env, EINVAL, "bind");
  options.family = unsigned_of(given("family")) == 6 ? AF_INET6 : AF_INET;
  if (given("interface").IsString()) {
    options.interface = given("interface").As<Napi::String>().Utf8Value();
  }
  options.send_buffer_size = unsigned_of(given("sendBufferSize"));
  options.segment_size = unsigned_of(given("segmentSize"));
  const Napi::Value rate = given("maxPacingRate");
  if (!env.IsExceptionPending() && rate.IsNumber()) {
    options.max_pacing_rate =
        static_cast<uint64_t>(std::max<int64_t>(rate.As<Napi::Number>().Int64Value(), 0));
  }
  const auto timestamps = static_cast<Timestamps>(std::min(unsigned_of(given("timestamps")), 2u));
  const Failure unread = read_settings(given("settings"), &options);
  const Napi::Value zerocopy = given("zeroCopy");
  const uint32_t max_queued = unsigned_of(given("maxQueuedSends"));
  if (env.IsExceptionPending()) return {};
  if (unread) return failure(env, unread);
  options.zerocopy = truth_of(zerocopy);
  if (tcp && options.remote.length == 0) return failure(env, EINVAL, "connect");

  if (const Failure failed = environment.poller().start()) return failure(env, failed);
  const Opened opened = tcp ? open_tcp(options) : open_udp(options);
  if (opened.fd < 0) return failure(env, opened.failed);

  InetSocket::Setup setup{};
  setup.fd = opened.fd;
  setup.zerocopy = options.zerocopy && opened.zerocopy_error == 0;
  setup.max_queued = max_queued;
  setup.epoll_fd = environment.poller().epoll_fd();
  setup.timestamps = timestamps;
  setup.first_id = environment.first_id;
  setup.first_kernel_id = environment.first_kernel_id;
  std::shared_ptr<Socket> socket;
  if (tcp) {
    socket = std::make_shared<TcpSocket>(setup);
  } else {
    socket = std::make_shared<UdpSocket>(setup);
  }
  uint32_t handle = 0;
  if (const Failure failed = environment.poller().add(std::move(socket), &handle)) {
    return failure(env, failed);
  }

  Napi::Object result = Napi::Object::New(env);
  set(result, "handle", handle);
  set(result, "fd", opened.fd);
  set(result, "zeroCopyErrno", opened.zerocopy_error);
  set(result, "firstId", static_cast<double>(setup.first_id));
  return result;
}

Napi::Value open_tcp_socket(Info info) { return open(info, true); }
Napi::Value open_udp_socket(Info info) { return open(info, false); }

Napi::Value begin_close(Info info) {
  if (Socket* socket = socket_of(info)) socket->begin_close();
  return info.Env().Undefined();
}

Napi::Value abort_socket(Info info) {
  if (Socket* socket = socket_of(info)) socket->abort();
  return info.Env().Undefined();
}

Napi::Value close_socket(Info info) {
  if (Socket* socket = socket_of(info)) {
    socket->close();
    environment_of(info).poller().remove(unsigned_of(info[0]));
  }
  return info.Env().Undefined();
}

// counters(handle): an array in the order of `counterNames`
Napi::Value counters(Info info) {
  Napi::Array result = Napi::Array::New(info.Env(), kCounterCount);
  if (Socket* socket = socket_of(info)) {
    socket->look_around();
    const Counters counters = socket->counters();
    for (uint32_t i = 0; i < kCounterCount; ++i) {
      set(result, i, static_cast<double>(counters.values()[i]));
    }
  }
  return result;
}

int option(int fd, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  return sys.getsockopt(fd, level, name, &value, &length) == 0 ? value : -1;
}

// SO_MAX_PACING_RATE in bytes a second; 0 where there is none.
double pacing_rate(int fd) {
  unsigned long rate = 0;
  socklen_t length = sizeof rate;
  if (sys.getsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, &length) != 0) return 0;
  return rate == ~0UL ? 0 : static_cast<double>(rate);
}

void set_address(Napi::Object object, const char* name, int fd,
                 int (*get)(int, sockaddr*, socklen_t*)) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (get(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return;
  const Address address = Address::from(storage, length);
  if (address.length == 0) return;
  Napi::Object value = Napi::Object::New(object.Env());
  set(value, "address", address.text());
  set(value, "port", address.port());
  set(object, name, value);
}

void set_interface(Napi::Object result, const Socket::State& state) {
  const InterfaceFacts& facts = state.interface;
  Napi::Object link = describe_interface(result.Env(), facts);
  set(link, "gone", state.interface_gone);
  // Which interface has the name now.
  set(link, "namesake", if_nametoindex(facts.name.c_str()));
  set(result, "link", link);
  set(result, "mtu", facts.mtu);
  set(result, "maxLength", state.max_length);
  if (state.waiting == 0) return;
  set(result, "waiting", static_cast<uint32_t>(state.waiting));
  set(result, "missing", state.missing);
}

// What TCP_INFO tells of a connection that is up, but for what this kernel does not know.
void set_tcp(Napi::Object result, const TcpFacts& facts, int64_t acknowledged) {
  Napi::Object tcp = Napi::Object::New(result.Env());
  const auto set_known = [&](const char* name, int64_t value) {
    if (value >= 0) set(tcp, name, static_cast<double>(value));
  };
  set_known("acknowledged", facts.bytes_acked < 0 ? -1 : acknowledged);
  set_known("notSent", facts.not_sent);
  set_known("roundTrip", facts.round_trip);
  set_known("roundTripVariation", facts.variation);
  set_known("leastRoundTrip", facts.least_round_trip);
  set_known("retransmitted", facts.retransmitted);
  set_known("unacknowledged", facts.unacknowledged);
  set_known("lost", facts.lost);
  set_known("congestionWindow", facts.congestion_window);
  set_known("segmentSize", facts.segment_size);
  set_known("sendWindow", facts.send_window);
  set_known("deliveryRate", facts.delivery_rate);
  set(result, "tcp", tcp);
}

// ends(handle): both addresses, and what a TCP peer has acknowledged: a few system calls, where
// describe() makes dozens
Napi::Value ends(Info info) {
  Napi::Object result = Napi::Object::New(info.Env());
  Socket* socket = socket_of(info);
  if (socket == nullptr || socket->fd() < 0) return result;
  set_address(result, "local", socket->fd(), ::getsockname);
  set_address(result, "remote", socket->fd(), ::getpeername);
  set(result, "acknowledged", static_cast<double>(socket->state().acknowledged));
  return result;
}

// describe(handle): what the kernel says of the socket now
Napi::Value describe(Info info) {
  Napi::Object result = Napi::Object::New(info.Env());
  Socket* socket = socket_of(info);
  if (socket == nullptr || socket->fd() < 0) return result;
  const int fd = socket->fd();
  set_address(result, "local", fd, ::getsockname);
  set_address(result, "remote", fd, ::getpeername);
  const int family = option(fd, SOL_SOCKET, SO_DOMAIN);
  const bool v6 = family == AF_INET6;
  if (v6 || family == AF_INET) set(result, "settings", settings_of(result.Env(), fd, family));
  set(result, "sendBufferSize", option(fd, SOL_SOCKET, SO_SNDBUF));
  set(result, "maxPacingRate", pacing_rate(fd));
  set(result, "mtu", v6 ? option(fd, IPPROTO_IPV6, IPV6_MTU) : option(fd, IPPROTO_IP, IP_MTU));
  socket->look_around();
  const Socket::State state = socket->state();
  set(result, "peerClosed", state.peer_closed);
  set(result, "idsUncertain", state.ids_uncertain);
  set(result, "linkDown", state.link_down);
  set(result, "splitsSends", state.splits_sends);
  set(result, "timestampErrno", state.timestamp_error);
  set(result, "failure", state.failure);
  set(result, "acknowledged", static_cast<double>(state.acknowledged));
  if (state.interface.index != 0) set_interface(result, state);
  if (state.is_connected) set_tcp(result, state.tcp, state.acknowledged);
  return result;
}

// progress(handle): a number that grows whenever anything moves on its way
Napi::Value progress(Info info) {
  Socket* socket = socket_of(info);
  return Napi::Number::New(info.Env(), socket ? static_cast<double>(socket->progress()) : 0);
}

// conclude(handle): the errno of the error that has ended the socket, as far as it is known by now
Napi::Value conclude(Info info) {
  Socket* socket = socket_of(info);
  return Napi::Number::New(info.Env(), socket ? socket->conclude() : 0);
}

// unacknowledged(handle): bytes that a TCP peer has not acknowledged yet (SIOCOUTQ, tcp(7))
Napi::Value unacknowledged(Info info) {
  int bytes = 0;
  Socket* socket = socket_of(info);
  if (socket == nullptr || socket->fd() < 0 || ::ioctl(socket->fd(), SIOCOUTQ, &bytes) != 0) {
    bytes = 0;
  }
  return Napi::Number::New(info.Env(), bytes);
}

// wayOut({ address, port }, interface): by which interface packets leave for a numeric address, and
// the kinds of its queueing disciplines
Napi::Value way_out(Info info) {
  const Napi::Env env = info.Env();
  Address remote;
  const bool sound = read_address(info[0], &remote);
  if (env.IsExceptionPending()) return {};
  if (!sound || remote.length == 0) return failure(env, EINVAL, "netlink");
  Egress egress;
  if (const Failure failed = find_egress(remote, string_of(info[1]), &egress)) {
    return failure(env, failed);
  }
  Napi::Array qdiscs = Napi::Array::New(env, egress.qdiscs.size());
  for (uint32_t i = 0; i < egress.qdiscs.size(); ++i) set(qdiscs, i, egress.qdiscs[i]);
  Napi::Object result = Napi::Object::New(env);
  set(result, "interface", egress.interface);
  set(result, "qdiscs", qdiscs);
  return result;
}

// setDestination(address, port): writes the first destination of the mailbox, that of the next send
// with the destination flag; false when the address is not numeric
Napi::Value set_destination(Info info) {
  if (!info[0].IsString()) return Napi::Boolean::New(info.Env(), false);
  const bool valid = Address::parse(info[0].As<Napi::String>().Utf8Value().c_str(),
                                    static_cast<uint16_t>(unsigned_of(info[1])),
                                    &environment_of(info).mailbox().destinations[0]);
  return Napi::Boolean::New(info.Env(), valid);
}

Napi::Value max_segments(Info info) { return Napi::Number::New(info.Env(), probe_max_segments()); }

Napi::Value keep_alive(Info info) {
  environment_of(info).keep_alive(truth_of(info[0]));
  return info.Env().Undefined();
}

}  // namespace

void export_socket_functions(Napi::Object exports, Environment* environment) {
  set_function<open_tcp_socket>(exports, "openTcp", environment);
  set_function<open_udp_socket>(exports, "openUdp", environment);
  set_function<begin_close>(exports, "beginClose", environment);
  set_function<abort_socket>(exports, "abort", environment);
  set_function<close_socket>(exports, "close", environment);
  set_function<counters>(exports, "counters", environment);
  set_function<ends>(exports, "ends", environment);
  set_function<describe>(exports, "describe", environment);
  set_function<way_out>(exports, "wayOut", environment);
  set_function<conclude>(exports, "conclude", environment);
  set_function<progress>(exports, "progress", environment);
  set_function<unacknowledged>(exports, "unacknowledged", environment);
  set_function<set_destination>(exports, "setDestination", environment);
  set_function<max_segments>(exports, "maxSegments", environment);
  set_function<keep_alive>(exports, "keepAlive", environment);
}

}  // namespace zerosend
