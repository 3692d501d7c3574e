#include <net/if.h>
#include <netinet/in.h>

#include "kernel/syscalls.h"
#include "node/arguments.h"
#include "node/binding.h"
#include "node/devices.h"
#include "node/settings.h"
#include "sockets/socket.h"

namespace zerosend {
namespace {

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

// What TCP_INFO reports of an established connection, without the fields that this kernel does not
// know.
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

// describe(handle): what the kernel reports of the socket now
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
  if (socket->look_around()) environment_of(info).poller().put_back(socket->handle());
  const Socket::State state = socket->state();
  set(result, "peerClosed", state.peer_closed);
  set(result, "idsUncertain", state.ids_uncertain);
  set(result, "intercepted", state.intercepted);
  set(result, "linkDown", state.link_down);
  set(result, "splitsSends", state.splits_sends);
  set(result, "timestampErrno", state.timestamp_error);
  set(result, "failure", state.failure);
  set(result, "acknowledged", static_cast<double>(state.acknowledged));
  if (state.interface.index != 0) set_interface(result, state);
  if (state.is_connected) set_tcp(result, state.tcp, state.acknowledged);
  return result;
}

}  // namespace

void export_description_functions(Napi::Object exports, Environment* environment) {
  set_function<ends>(exports, "ends", environment);
  set_function<describe>(exports, "describe", environment);
}

}  // namespace zerosend
