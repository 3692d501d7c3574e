// The module: what JavaScript sees of it. Constants are exported rather than written twice.

#include <napi.h>

#include <cstddef>

#include "core/counters.h"
#include "node/arguments.h"
#include "node/environment.h"
#include "node/hot_path.h"
#include "node/rings.h"
#include "node/slabs.h"
#include "node/sockets.h"

#ifdef ZEROSEND_TEST_HOOKS
#include "testing/hooks.h"
#endif

namespace zerosend {
namespace {

// Changes whenever lib/native.ts and this addon would no longer understand each other.
constexpr uint32_t kInterfaceVersion = 5;

Napi::Object constants(Napi::Env env) {
  Napi::Object result = Napi::Object::New(env);
  const auto add = [&](const char* name, double value) { set(result, name, value); };
  add("zerocopy", static_cast<double>(Outcome::kZeroCopy));
  add("copied", static_cast<double>(Outcome::kCopied));
  add("inline", static_cast<double>(Outcome::kInline));
  add("revoked", static_cast<double>(Outcome::kRevoked));
  add("failed", static_cast<double>(Outcome::kFailed));
  add("drain", Record::kDrain);
  add("connected", Record::kConnected);
  add("error", Record::kError);
  add("retired", Record::kRetired);
  add("stamp", Record::kStamp);
  add("stamped", Record::kStamped);
  add("flagZeroCopy", kFlagZeroCopy);
  add("flagDestination", kFlagDestination);
  add("refusedClosed", static_cast<double>(Refusal::kClosed));
  add("refusedQueueFull", static_cast<double>(Refusal::kQueueFull));
  add("batchRecords", Mailbox::kRecords);
  add("recordSize", Mailbox::kRecordSize);
  add("requests", Mailbox::kRequests);
  add("requestSize", Mailbox::kRequestSize);
  add("batchOffset", offsetof(Mailbox, batch));
  add("requestsOffset", offsetof(Mailbox, requests));
  add("callOffset", offsetof(Mailbox, call));
  add("queuedOffset", offsetof(Mailbox, queued));
  return result;
}

Napi::Value set_deliver(Info info) {
  if (info[0].IsFunction()) static_cast<Environment*>(info.Data())->set_deliver(info[0]);
  return info.Env().Undefined();
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  Environment* environment = Environment::create(env);
  if (environment == nullptr) return exports;
  env.SetInstanceData<Environment>(environment);  // deleted after the cleanup hooks have run

  const auto add_hot = [&](const char* name, napi_callback function) {
    napi_value value;
    if (napi_create_function(env, name, NAPI_AUTO_LENGTH, function, environment, &value) ==
        napi_ok) {
      set(exports, name, Napi::Value(env, value));
    }
  };
  add_hot("send", send_slot);
  add_hot("sendPlain", send_plain);
  add_hot("sendMany", send_many);
  add_hot("sendRun", send_run);
  add_hot("poll", poll_socket);
  add_hot("arm", arm_socket);
  export_socket_functions(exports, environment);
  export_ring_functions(exports, environment);
  export_slab_functions(exports, environment);
  set_function<set_deliver>(exports, "setDeliver", environment);

  const Napi::Value mailbox = external_array_buffer(env, &environment->mailbox(), sizeof(Mailbox),
                                                    environment->shared_mailbox());
  if (mailbox.IsEmpty()) return exports;
  set(exports, "mailbox", mailbox);
  set(exports, "constants", constants(env));
  Napi::Array names = Napi::Array::New(env, kCounterCount);
  for (uint32_t i = 0; i < kCounterCount; ++i) set(names, i, kCounterNames[i]);
  set(exports, "counterNames", names);
  set(exports, "interfaceVersion", kInterfaceVersion);
#ifdef ZEROSEND_TEST_HOOKS
  export_test_hooks(env, exports, environment);
#endif
  return exports;
}

}  // namespace

Napi::Object initialize_addon(Napi::Env env, Napi::Object exports) { return init(env, exports); }

}  // namespace zerosend

// The macro pastes the function's name, so it must not be qualified.
using zerosend::initialize_addon;
NODE_API_MODULE(zerosend, initialize_addon)
