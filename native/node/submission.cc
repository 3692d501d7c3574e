// What lib/addon/submission.ts calls: the submission thread, and the sockets that it serves.
// JavaScript thread.

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "core/shared_words.h"
#include "node/arguments.h"
#include "node/binding.h"
#include "node/hot_path.h"

namespace zerosend {
namespace {

Napi::Value number(Info info, double value) { return Napi::Number::New(info.Env(), value); }

// Memory that JavaScript shares, of at least so many bytes; else null. That of an ArrayBuffer could
// be transferred away.
void* memory_of(Info info, size_t index, size_t size) {
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
  napi_value buffer;
  bool may_be_detached = true;
  if (napi_get_typedarray_info(info.Env(), info[index], &type, &length, &data, &buffer, nullptr) !=
          napi_ok ||
      napi_is_arraybuffer(info.Env(), buffer, &may_be_detached) != napi_ok || may_be_detached ||
      type != napi_int32_array || length * sizeof(int32_t) < size ||
      reinterpret_cast<uintptr_t>(data) % sizeof(double) != 0) {
    return nullptr;
  }
  return data;
}

// startSubmitter(Int32Array, nanoseconds): starts the thread, with the memory that it shares
Napi::Value start_submitter(Info info) {
  Environment& environment = environment_of(info);
  if (environment.submitter().running()) return info.Env().Undefined();
  void* shared = memory_of(info, 0, sizeof(SharedRings));
  if (shared == nullptr) return failure(info.Env(), EINVAL, "pthread_create");
  const Failure failed =
      environment.start_submitter(info[0], static_cast<SharedRings*>(shared), unsigned_of(info[1]));
  return failed ? failure(info.Env(), failed) : info.Env().Undefined();
}

// useSubmitter(handle, Int32Array): the socket sends by the thread from now on; whether it does
Napi::Value use_submitter(Info info) {
  void* cells = memory_of(info, 1, sizeof(SharedCells));
  const bool done =
      cells != nullptr &&
      environment_of(info).serve(unsigned_of(info[0]), info[1], *static_cast<SharedCells*>(cells));
  return Napi::Boolean::New(info.Env(), done);
}

Napi::Value wake_submitter(Info info) {
  Submitter& submitter = environment_of(info).submitter();
  if (submitter.running()) submitter.wake();
  return info.Env().Undefined();
}

Napi::Value take_in(Info info) {
  environment_of(info).submitter().take_in();
  return info.Env().Undefined();
}

Napi::Value hand_over_of(Info info, bool and_poll) {
  Submitter& submitter = environment_of(info).submitter();
  submitter.take_in();
  if (Socket* socket = socket_of(info)) socket->hand_over_all(and_poll);
  submitter.call_for(unsigned_of(info[0]));
  return info.Env().Undefined();
}

// handOver(handle): hands over all that is published of the socket
Napi::Value hand_over(Info info) { return hand_over_of(info, false); }

// pollSubmitted(handle): the same, and reads completions
Napi::Value poll_submitted(Info info) { return hand_over_of(info, true); }

// submitPlain(handle, Uint8Array, length, flags): as sendPlain, behind what is published
Napi::Value submit_plain(Info info) {
  Environment& environment = environment_of(info);
  napi_typedarray_type type;
  size_t available = 0;
  void* data = nullptr;
  const uint32_t length = unsigned_of(info[2]);
  const uint32_t flags = unsigned_of(info[3]);
  Socket* socket = socket_of(info);
  if (socket == nullptr) return number(info, -EBADF);
  if (napi_get_typedarray_info(info.Env(), info[1], &type, &available, &data, nullptr, nullptr) !=
          napi_ok ||
      type != napi_uint8_array || data == nullptr || length == 0 || length > available) {
    return number(info, -EINVAL);
  }
  Source source;
  source.data = static_cast<const uint8_t*>(data);
  source.length = length;
  source.slab = environment.slab_around(source.data);
  source.zerocopy = (flags & kFlagZeroCopy) != 0;
  environment.submitter().take_in();
  const int32_t refused = socket->send_behind(
      source, (flags & kFlagDestination) ? &environment.mailbox().destinations[0] : nullptr,
      &environment.mailbox().queued);
  environment.submitter().call_for(unsigned_of(info[0]));
  return number(info, refused);
}

// checkLines(handle, lines, rested): looks at what is written and not published, of one socket: 0,
// or a negated errno, and in the mailbox which send it is about
Napi::Value check_lines(Info info) {
  Environment& environment = environment_of(info);
  Socket* socket = socket_of(info);
  if (socket == nullptr) return number(info, -EBADF);
  std::vector<Source>& sources = environment.sources;
  if (sources.size() < Mailbox::kRequests) sources.resize(Mailbox::kRequests);
  const size_t count = environment.submitter().written(unsigned_of(info[1]), &sources);
  uint32_t index = 0;
  const int error = socket->check_sources(sources.data(), count, truth_of(info[2]), &index);
  environment.mailbox().queued = index;
  return number(info, -error);
}

// copyDestination(): writes the address that setDestination has set where sendMany has its
// requests: its length, and its bytes
Napi::Value copy_destination(Info info) {
  Environment& environment = environment_of(info);
  uint32_t* out = environment.mailbox().requests;
  const Address& to = environment.mailbox().destinations[0];
  out[0] = to.length;
  std::memcpy(out + 1, &to.v6, sizeof to.v6);
  return info.Env().Undefined();
}

// pumpStream(): gives the stream what has found no room in it
Napi::Value pump_stream(Info info) {
  Environment& environment = environment_of(info);
  for (const uint32_t handle : environment.submitter().take_backlog()) {
    if (Socket* socket = environment.poller().find(handle)) socket->report_again();
  }
  return info.Env().Undefined();
}

// submitterFigures(handle): sends that are with neither the kernel nor the socket, then of the
// thread its sleeps, the times that it was woken, and the nanoseconds that it has spun
Napi::Value submitter_figures(Info info) {
  Submitter& submitter = environment_of(info).submitter();
  const Submitter::Figures figures = submitter.figures();
  const double values[] = {static_cast<double>(submitter.depth(unsigned_of(info[0]))),
                           static_cast<double>(figures.sleeps), static_cast<double>(figures.wakes),
                           static_cast<double>(figures.spun)};
  Napi::Array result = Napi::Array::New(info.Env(), 4);
  for (uint32_t i = 0; i < 4; ++i) set(result, i, values[i]);
  return result;
}

}  // namespace

void export_submission_functions(Napi::Object exports, Environment* environment) {
  set_function<start_submitter>(exports, "startSubmitter", environment);
  set_function<use_submitter>(exports, "useSubmitter", environment);
  set_function<wake_submitter>(exports, "wakeSubmitter", environment);
  set_function<take_in>(exports, "takeIn", environment);
  set_function<hand_over>(exports, "handOver", environment);
  set_function<poll_submitted>(exports, "pollSubmitted", environment);
  set_function<submit_plain>(exports, "submitPlain", environment);
  set_function<check_lines>(exports, "checkLines", environment);
  set_function<copy_destination>(exports, "copyDestination", environment);
  set_function<pump_stream>(exports, "pumpStream", environment);
  set_function<submitter_figures>(exports, "submitterFigures", environment);
}

}  // namespace zerosend
