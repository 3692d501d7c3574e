#include <linux/sockios.h>
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
#include "node/arguments.h"
#include "node/binding.h"
#include "node/settings.h"
#include "sockets/inet/tcp_socket.h"
#include "sockets/inet/udp_socket.h"

namespace zerosend {
namespace {

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
  Environment& environment = environment_of(info);
  environment.submitter().call_for(unsigned_of(info[0]));  // what is published comes before
  if (Socket* socket = socket_of(info)) socket->begin_close();
  return info.Env().Undefined();
}

Napi::Value abort_socket(Info info) {
  environment_of(info).submitter().take_in();
  if (Socket* socket = socket_of(info)) socket->abort();
  return info.Env().Undefined();
}

Napi::Value close_socket(Info info) {
  if (Socket* socket = socket_of(info)) {
    socket->close();
    environment_of(info).forget(unsigned_of(info[0]));
    environment_of(info).poller().remove(unsigned_of(info[0]));
  }
  return info.Env().Undefined();
}

// counters(handle): an array in the order of `counterNames`
Napi::Value counters(Info info) {
  Napi::Array result = Napi::Array::New(info.Env(), kCounterCount);
  if (Socket* socket = socket_of(info)) {
    if (socket->look_around()) environment_of(info).poller().put_back(socket->handle());
    const Counters counters = socket->counters();
    for (uint32_t i = 0; i < kCounterCount; ++i) {
      set(result, i, static_cast<double>(counters.values()[i]));
    }
  }
  return result;
}

// progress(handle): a number that grows whenever the socket makes progress
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
  set_function<way_out>(exports, "wayOut", environment);
  set_function<conclude>(exports, "conclude", environment);
  set_function<progress>(exports, "progress", environment);
  set_function<unacknowledged>(exports, "unacknowledged", environment);
  set_function<set_destination>(exports, "setDestination", environment);
  set_function<max_segments>(exports, "maxSegments", environment);
  set_function<keep_alive>(exports, "keepAlive", environment);
}

}  // namespace zerosend
