#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "kernel/netdev.h"
#include "node/arguments.h"
#include "node/binding.h"
#include "node/slabs.h"
#include "sockets/rings/packet_socket.h"
#include "sockets/rings/xdp_socket.h"

namespace zerosend {
namespace {

// Adds the socket to the poller. Returns a description of it for JavaScript, or a failure; an empty
// value where an exception is pending.
template <class Ring>
Napi::Object admit(Info info, const std::shared_ptr<Ring>& socket) {
  uint32_t handle = 0;
  if (const Failure failed = environment_of(info).poller().add(socket, &handle)) {
    return failure(info.Env(), failed);
  }
  // The poller thread does not know a socket that is being opened, so it cannot have told this one
  // that its interface was removed meanwhile.
  if (socket->on_interface_gone()) environment_of(info).poller().put_back(handle);
  Napi::Object result = Napi::Object::New(info.Env());
  set(result, "handle", handle);
  set(result, "fd", socket->fd());
  set(result, "zeroCopyErrno", 0);
  set(result, "firstId", static_cast<double>(environment_of(info).first_id));
  set(result, "mtu", socket->mtu());
  set(result, "maxLength", socket->max_length());
  set(result, "tagLength", socket->tag_length());
  return result;
}

// Describes why an XDP socket could not be opened. Where it was bind(2) that failed, which may be
// for want of such a queue, the number of queues of the interface is added.
Napi::Object refused_queue(Napi::Env env, const XdpOptions& options, const Failure& failed) {
  Napi::Object result = failure(env, failed);
  if (result.IsEmpty() || std::strcmp(failed.call, "bind") != 0) return result;
  set(result, "queues", transmit_queues(if_nametoindex(options.interface.c_str())));
  return result;
}

Napi::Value open_packet(Info info) {
  const Napi::Env env = info.Env();
  Environment& environment = environment_of(info);
  if (!info[0].IsObject()) return failure(env, EINVAL, "socket");
  const auto given = [&](const char* name) { return property(info[0], name); };
  PacketOptions options;
  options.interface = string_of(given("interface"));
  options.frames = unsigned_of(given("frames"));
  options.frame_size = unsigned_of(given("frameSize"));
  options.qdisc_bypass = truth_of(given("qdiscBypass"));
  options.virtio_net_header = truth_of(given("virtioNetHeader"));
  options.cooked = truth_of(given("cooked"));
  options.protocol = static_cast<uint16_t>(unsigned_of(given("protocol")));
  options.send_buffer_size = unsigned_of(given("sendBufferSize"));
  options.timestamps = static_cast<Timestamps>(std::min(unsigned_of(given("timestamps")), 2u));
  const Napi::Value destination = given("destination");
  if (env.IsExceptionPending()) return {};
  if (destination.IsTypedArray()) {  // IsBuffer() takes a DataView, too
    const auto bytes = destination.As<Napi::Buffer<uint8_t>>();
    options.destination_length =
        static_cast<uint8_t>(std::min(bytes.Length(), sizeof options.destination));
    std::copy_n(bytes.Data(), options.destination_length, options.destination);
  }
  if (const Failure failed = environment.poller().start()) return failure(env, failed);
  std::shared_ptr<PacketSocket> socket;
  if (const Failure failed =
          PacketSocket::open(options, environment.poller().epoll_fd(),
                             environment.poller().interfaces(), environment.first_id, &socket)) {
    return failure(env, failed);
  }

  const std::shared_ptr<Slab>& ring = socket->ring();
  const Napi::Value memory = external_array_buffer(env, ring->data(), ring->size(), ring);
  if (memory.IsEmpty()) return memory;
  Napi::Object result = admit(info, socket);
  if (!has(result, "handle")) return result;
  set(result, "memory", memory);
  set(result, "slab", environment.add_slab(ring));
  set(result, "slots", ring->slots());
  set(result, "slotSize", static_cast<double>(ring->slot_size()));
  set(result, "stride", static_cast<double>(ring->stride()));
  set(result, "offset", static_cast<double>(ring->offset()));
  return result;
}

Napi::Value open_xdp(Info info) {
  const Napi::Env env = info.Env();
  Environment& environment = environment_of(info);
  if (!info[0].IsObject()) return failure(env, EINVAL, "socket");
  const auto given = [&](const char* name) { return property(info[0], name); };
  XdpOptions options;
  options.interface = string_of(given("interface"));
  options.queue = unsigned_of(given("queue"));
  options.mode = static_cast<XdpOptions::Mode>(std::min(unsigned_of(given("mode")), 2u));
  options.deadline_ms = unsigned_of(given("deadline"));
  const std::shared_ptr<Slab>* slab = environment.slab(unsigned_of(given("slab")));
  if (env.IsExceptionPending()) return {};
  if (slab == nullptr) return failure(env, EINVAL, "setsockopt(XDP_UMEM_REG)");
  options.umem = *slab;
  if (const Failure failed = environment.poller().start()) return failure(env, failed);
  std::shared_ptr<XdpSocket> socket;
  if (const Failure failed =
          XdpSocket::open(options, environment.poller().epoll_fd(),
                          environment.poller().interfaces(), environment.first_id, &socket)) {
    return refused_queue(env, options, failed);
  }
  Napi::Object result = admit(info, socket);
  if (!has(result, "handle")) return result;
  set(result, "zeroCopy", socket->zerocopy());
  set(result, "multiFrameErrno", socket->multi_frame_error());
  set(result, "maxFrames", socket->max_frames());
  return result;
}

// sendPacket(handle, count): one packet out of `count` slots of the socket's own memory, which are
// written where sendMany has its requests, with an offset in place of flags. 0, or a negated errno
// or refusal.
Napi::Value send_packet(Info info) {
  const Napi::Env env = info.Env();
  Environment& environment = environment_of(info);
  const auto answer = [&](int32_t code) { return Napi::Number::New(env, code); };
  const uint32_t count = unsigned_of(info[1]);
  if (count == 0 || count > XdpSocket::kMostFrames) return answer(-EINVAL);
  Socket* socket = environment.poller().find(unsigned_of(info[0]));
  if (socket == nullptr) return answer(-EBADF);
  Part parts[XdpSocket::kMostFrames];
  const uint32_t* request = environment.mailbox().requests;
  for (uint32_t i = 0; i < count; ++i, request += Mailbox::kRequestSize) {
    parts[i] = {request[1], request[2], request[3]};
  }
  return answer(socket->send_packet(parts, count));
}

// skip(handle, slot): has a ring go past a place that was given back unsent. 1 when it has, 0 when
// it cannot yet, or a negated errno.
Napi::Value skip(Info info) {
  Socket* socket = environment_of(info).poller().find(unsigned_of(info[0]));
  const int32_t answer = socket == nullptr ? -EBADF : socket->skip(unsigned_of(info[1]));
  return Napi::Number::New(info.Env(), answer);
}

}  // namespace

void export_ring_functions(Napi::Object exports, Environment* environment) {
  set_function<open_packet>(exports, "openPacket", environment);
  set_function<open_xdp>(exports, "openXdp", environment);
  set_function<send_packet>(exports, "sendPacket", environment);
  set_function<skip>(exports, "skip", environment);
}

}  // namespace zerosend
