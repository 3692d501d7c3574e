#include "node/hot_path.h"

#include <cerrno>
#include <utility>

#include "node/environment.h"

namespace zerosend {
namespace {

template <size_t N>
struct Call {
  Environment* environment = nullptr;
  napi_value arguments[N];
  bool complete = false;

  Call(napi_env env, napi_callback_info info) {
    size_t count = N;
    void* data = nullptr;
    complete =
        napi_get_cb_info(env, info, &count, arguments, nullptr, &data) == napi_ok && count >= N;
    environment = static_cast<Environment*>(data);
  }

  bool read(napi_env env, size_t index, uint32_t* out) const {
    return napi_get_value_uint32(env, arguments[index], out) == napi_ok;
  }
};

napi_value integer(napi_env env, int32_t value) {
  napi_value result = nullptr;
  napi_create_int32(env, value, &result);
  return result;
}

// Points `source` at a slot. False when slab, slot or length are not what they claim.
bool resolve(Environment& environment, uint32_t slab_handle, uint32_t slot, uint32_t length,
             Source* source) {
  const std::shared_ptr<Slab>* slab = environment.slab(slab_handle);
  if (slab == nullptr || slot >= (*slab)->slots() || length == 0 || length > (*slab)->slot_size()) {
    return false;
  }
  source->slab = slab->get();
  source->slot = slot;
  source->data = (*slab)->slot(slot);
  source->length = length;
  return true;
}

int32_t send_source(Environment& environment, uint32_t handle, uint32_t flags, Source& source) {
  Socket* socket = environment.poller().find(handle);
  if (socket == nullptr) return -EBADF;
  source.zerocopy = (flags & kFlagZeroCopy) != 0;
  const Address* to = (flags & kFlagDestination) ? &environment.destination : nullptr;
  return socket->send(source, to, &environment.mailbox().queued);
}

int32_t send_run(Environment& environment, Mailbox& mailbox) {
  const auto [handle, slab_handle, first, count, unused] = mailbox.call;
  Socket* socket = environment.poller().find(handle);
  if (socket == nullptr) return -EBADF;
  const std::shared_ptr<Slab>* slab = environment.slab(slab_handle);
  if (slab == nullptr || count == 0 || count > Mailbox::kRequests) return -EINVAL;
  const uint32_t slots = (*slab)->slots();
  if (first >= slots || count > slots - first) return -EINVAL;
  const Run run{slab->get(), first, count, mailbox.requests};
  const int32_t refused = socket->send_run(run, &mailbox.queued);
  return refused != 0 ? refused : mailbox.queued > 0;
}

}  // namespace

napi_value send_slot(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
  Environment& environment = *static_cast<Environment*>(data);
  Mailbox& mailbox = environment.mailbox();
  const auto [handle, slab, slot, length, flags] = mailbox.call;
  Source source;
  if (resolve(environment, slab, slot, length, &source)) {
    const int32_t refused = send_source(environment, handle, flags, source);
    mailbox.answer = refused != 0 ? refused : mailbox.queued > 0;
  } else {
    mailbox.answer = -EINVAL;
  }
  return nullptr;
}

napi_value send_plain(napi_env env, napi_callback_info info) {
  Call<4> call(env, info);
  uint32_t handle, length, flags;
  napi_typedarray_type type;
  size_t available;
  void* data;
  if (!call.complete || !call.read(env, 0, &handle) || !call.read(env, 2, &length) ||
      !call.read(env, 3, &flags) ||
      napi_get_typedarray_info(env, call.arguments[1], &type, &available, &data, nullptr,
                               nullptr) != napi_ok ||
      type != napi_uint8_array || data == nullptr || length == 0 || length > available) {
    return integer(env, -EINVAL);
  }
  Source source;
  source.data = static_cast<const uint8_t*>(data);
  source.length = length;
  source.slab = call.environment->slab_around(source.data);
  return integer(env, send_source(*call.environment, handle, flags, source));
}

napi_value send_many(napi_env env, napi_callback_info info) {
  Call<2> call(env, info);
  uint32_t handle, count;
  if (!call.complete || !call.read(env, 0, &handle) || !call.read(env, 1, &count) || count == 0 ||
      count > Mailbox::kRequests) {
    return integer(env, -EINVAL);
  }
  Environment& environment = *call.environment;
  std::vector<Source>& sources = environment.sources;
  if (sources.size() < count) sources.resize(Mailbox::kRequests);
  const uint32_t* request = environment.mailbox().requests;
  for (uint32_t i = 0; i < count; ++i, request += Mailbox::kRequestSize) {
    if (!resolve(environment, request[0], request[1], request[2], &sources[i])) {
      return integer(env, -EINVAL);
    }
    sources[i].zerocopy = (request[3] & kFlagZeroCopy) != 0;
  }
  Socket* socket = environment.poller().find(handle);
  if (socket == nullptr) return integer(env, -EBADF);
  return integer(env, socket->send_many(sources.data(), count, &environment.mailbox().queued));
}

napi_value send_run(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
  Environment& environment = *static_cast<Environment*>(data);
  Mailbox& mailbox = environment.mailbox();
  mailbox.answer = send_run(environment, mailbox);
  return nullptr;
}

napi_value poll_socket(napi_env env, napi_callback_info info) {
  Call<1> call(env, info);
  uint32_t handle;
  if (!call.complete || !call.read(env, 0, &handle)) return integer(env, -EINVAL);
  Socket* socket = call.environment->poller().find(handle);
  if (socket == nullptr) return integer(env, -EBADF);
  socket->poll();
  bool more;
  return integer(env, static_cast<int32_t>(call.environment->collect(handle, *socket, 0, &more)));
}

napi_value arm_socket(napi_env env, napi_callback_info info) {
  Call<1> call(env, info);
  uint32_t handle;
  if (!call.complete || !call.read(env, 0, &handle)) return integer(env, -EINVAL);
  Socket* socket = call.environment->poller().find(handle);
  return integer(env, socket == nullptr ? -EBADF : socket->arm());
}

}  // namespace zerosend
