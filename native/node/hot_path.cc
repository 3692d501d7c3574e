#include "node/hot_path.h"

#include <cerrno>
#include <ctime>
#include <utility>

#include "node/environment.h"
#include "node/records.h"

namespace zerosend {
namespace {

constexpr double kLongestAlarm = 1e18;  // 30 years, in nanoseconds

template <size_t N>
struct Call {
  Environment* environment = nullptr;
  napi_value arguments[N];
  bool complete = false;

  size_t count = N;  // of the arguments that were given

  // The arguments from number `least` on may be left out.
  Call(napi_env env, napi_callback_info info, size_t least = N) {
    void* data = nullptr;
    complete =
        napi_get_cb_info(env, info, &count, arguments, nullptr, &data) == napi_ok && count >= least;
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

// Points `source` into a slot. False when there is no such slab or slot, or it does not have these
// bytes.
bool resolve(Environment& environment, uint32_t slab_handle, uint32_t slot, uint32_t begin,
             uint32_t length, Source* source) {
  const std::shared_ptr<Slab>* slab = environment.slab(slab_handle);
  if (slab == nullptr || slot >= (*slab)->slots()) return false;
  const size_t size = (*slab)->slot_size();
  if (length == 0 || begin > size || length > size - begin) return false;
  source->slab = slab->get();
  source->slot = slot;
  source->data = (*slab)->slot(slot) + begin;
  source->length = length;
  return true;
}

// Points `extent` at bytes of a slot. False when they are not all in it.
bool resolve_slot(Environment& environment, uint32_t slab_handle, uint32_t slot, uint32_t offset,
                  uint32_t length, Extent* extent) {
  Source source;
  const uint64_t end = uint64_t{offset} + length;
  if (length == 0 || end > UINT32_MAX ||
      !resolve(environment, slab_handle, slot, 0, static_cast<uint32_t>(end), &source)) {
    return false;
  }
  *extent = {source.slab, source.data + offset, length};
  return true;
}

// Points `extent` at bytes of a Uint8Array. False when they are not all in it.
bool resolve_array(napi_env env, Environment& environment, napi_value array, uint32_t offset,
                   uint32_t length, Extent* extent) {
  napi_typedarray_type type;
  size_t available;
  void* data;
  if (napi_get_typedarray_info(env, array, &type, &available, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array || data == nullptr || length == 0 ||
      uint64_t{offset} + length > available) {
    return false;
  }
  extent->data = static_cast<const uint8_t*>(data) + offset;
  extent->length = length;
  extent->slab = environment.slab_around(extent->data);
  return true;
}

// Finds the destinations of a call. False when the socket takes no such flags, or an address is not
// valid.
bool find_destinations(const Mailbox& mailbox, const Socket& socket, uint32_t flags, size_t count,
                       Destinations* to) {
  if ((flags & (kFlagDestination | kFlagEach | kFlagBegin)) == 0) return true;
  if (!socket.takes_aim()) return false;
  if ((flags & (kFlagDestination | kFlagEach)) == 0) return true;
  *to = {mailbox.destinations, (flags & kFlagEach) != 0};
  for (size_t i = 0; i < (to->each ? count : 1); ++i) {
    if (!to->of(i)->is_sound()) return false;
  }
  return true;
}

// Nanoseconds of CLOCK_MONOTONIC.
double now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

int32_t send_source(Environment& environment, uint32_t handle, uint32_t flags, Source& source) {
  Socket* socket = environment.poller().find(handle);
  if (socket == nullptr) return -EBADF;
  environment.poller().foresee(handle);
  source.zerocopy = (flags & kFlagZeroCopy) != 0;
  Destinations to;
  if (!find_destinations(environment.mailbox(), *socket, flags & ~kFlagEach, 1, &to)) {
    return -EINVAL;
  }
  const Prompt prompt = !(flags & kFlagPrompt) ? Prompt::kNo
                        : (flags & kFlagRange) ? Prompt::kFirst
                                               : Prompt::kNext;
  return socket->send(source, to.first, &environment.mailbox().queued, prompt);
}

int32_t send_run(Environment& environment, Mailbox& mailbox) {
  const auto [handle, slab_handle, first, count, flags] = mailbox.call;
  Socket* socket = environment.poller().find(handle);
  if (socket == nullptr) return -EBADF;
  const std::shared_ptr<Slab>* slab = environment.slab(slab_handle);
  if (slab == nullptr || count == 0 || count > Mailbox::kRequests) return -EINVAL;
  const uint32_t slots = (*slab)->slots();
  if (first >= slots || count > slots - first) return -EINVAL;
  Destinations to;
  if (!find_destinations(mailbox, *socket, flags, count, &to)) return -EINVAL;
  const Run run{slab->get(), first, count, mailbox.requests,
                (flags & kFlagBegin) ? mailbox.begins : nullptr};
  const int32_t refused = socket->send_run(run, &mailbox.queued, to);
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
  const uint32_t begin = (flags & kFlagBegin) ? mailbox.begins[0] : 0;
  if (resolve(environment, slab, slot, begin, length, &source)) {
    const int32_t refused = send_source(environment, handle, flags, source);
    mailbox.answer = refused != 0 ? refused : mailbox.queued > 0;
    // The pool runs dry before the socket sends again.
    const bool rare = environment.poller().period() >= source.slab->slots();
    if (mailbox.answer == 0 && rare && environment.recent_senders.note(handle)) {
      mailbox.answer = kLookBack;
    }
  } else {
    mailbox.answer = -EINVAL;
  }
  return nullptr;
}

napi_value send_plain(napi_env env, napi_callback_info info) {
  Call<4> call(env, info);
  uint32_t handle, length, flags;
  Extent extent;
  if (!call.complete || !call.read(env, 0, &handle) || !call.read(env, 2, &length) ||
      !call.read(env, 3, &flags) ||
      !resolve_array(env, *call.environment, call.arguments[1],
                     (flags & kFlagBegin) ? call.environment->mailbox().begins[0] : 0, length,
                     &extent)) {
    return integer(env, -EINVAL);
  }
  Source source;
  source.slab = extent.slab;
  source.data = extent.data;
  source.length = length;
  return integer(env, send_source(*call.environment, handle, flags, source));
}

napi_value send_extents(napi_env env, napi_callback_info info) {
  constexpr size_t kFixed = 3;
  napi_value arguments[kFixed + kMostExtents];
  size_t given = kFixed + kMostExtents;
  void* data = nullptr;
  uint32_t handle, count, flags;
  if (napi_get_cb_info(env, info, &given, arguments, nullptr, &data) != napi_ok || given < kFixed ||
      napi_get_value_uint32(env, arguments[0], &handle) != napi_ok ||
      napi_get_value_uint32(env, arguments[1], &count) != napi_ok ||
      napi_get_value_uint32(env, arguments[2], &flags) != napi_ok || count == 0 ||
      count > kMostExtents) {
    return integer(env, -EINVAL);
  }
  Environment& environment = *static_cast<Environment*>(data);
  Extent extents[kMostExtents];
  uint64_t total = 0;
  size_t next_array = kFixed;
  const uint32_t* request = environment.mailbox().requests;
  for (uint32_t i = 0; i < count; ++i, request += Mailbox::kRequestSize) {
    const uint32_t slab = request[0], slot = request[1], length = request[2], offset = request[3];
    if (slab == 0 && next_array >= given) return integer(env, -EINVAL);
    if (!(slab == 0 ? resolve_array(env, environment, arguments[next_array++], offset, length,
                                    &extents[i])
                    : resolve_slot(environment, slab, slot, offset, length, &extents[i]))) {
      return integer(env, -EINVAL);
    }
    total += length;
  }
  if (total > UINT32_MAX) return integer(env, -EINVAL);
  Socket* socket = environment.poller().find(handle);
  if (socket == nullptr) return integer(env, -EBADF);
  Destinations to;
  if (!find_destinations(environment.mailbox(), *socket, flags & kFlagDestination, 1, &to)) {
    return integer(env, -EINVAL);
  }
  Source source;
  source.zerocopy = (flags & kFlagZeroCopy) != 0;
  return integer(
      env, socket->send_extents(source, extents, count, to.first, &environment.mailbox().queued));
}

napi_value send_many(napi_env env, napi_callback_info info) {
  Call<3> call(env, info, 2);
  uint32_t handle, count, flags = 0;
  if (!call.complete || !call.read(env, 0, &handle) || !call.read(env, 1, &count) || count == 0 ||
      count > Mailbox::kRequests || (call.count > 2 && !call.read(env, 2, &flags))) {
    return integer(env, -EINVAL);
  }
  Environment& environment = *call.environment;
  std::vector<Source>& sources = environment.sources;
  if (sources.size() < count) sources.resize(Mailbox::kRequests);
  Mailbox& mailbox = environment.mailbox();
  const uint32_t* request = mailbox.requests;
  for (uint32_t i = 0; i < count; ++i, request += Mailbox::kRequestSize) {
    const uint32_t begin = (flags & kFlagBegin) ? mailbox.begins[i] : 0;
    if (!resolve(environment, request[0], request[1], begin, request[2], &sources[i])) {
      return integer(env, -EINVAL);
    }
    sources[i].zerocopy = (request[3] & kFlagZeroCopy) != 0;
  }
  Socket* socket = environment.poller().find(handle);
  if (socket == nullptr) return integer(env, -EBADF);
  Destinations to;
  if (!find_destinations(mailbox, *socket, flags, count, &to)) return integer(env, -EINVAL);
  return integer(env, socket->send_many(sources.data(), count, &mailbox.queued, to));
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
  Mailbox& mailbox = call.environment->mailbox();
  const size_t records = collect(mailbox, handle, *socket, 0, &more);
  if (mailbox.timed != 0) mailbox.time = now();
  return integer(env, static_cast<int32_t>(records));
}

napi_value arm_socket(napi_env env, napi_callback_info info) {
  Call<1> call(env, info);
  uint32_t handle;
  if (!call.complete || !call.read(env, 0, &handle)) return integer(env, -EINVAL);
  Socket* socket = call.environment->poller().find(handle);
  return integer(env, socket == nullptr ? -EBADF : socket->arm());
}

napi_value set_alarm(napi_env env, napi_callback_info info) {
  Call<1> call(env, info);
  double nanoseconds = 0;
  if (!call.complete || napi_get_value_double(env, call.arguments[0], &nanoseconds) != napi_ok ||
      !(nanoseconds >= 0 && nanoseconds <= kLongestAlarm)) {
    return integer(env, -EINVAL);
  }
  const Failure failure = call.environment->poller().set_alarm(static_cast<uint64_t>(nanoseconds));
  return integer(env, -failure.error);
}

}  // namespace zerosend
