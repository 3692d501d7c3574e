// The exports of the addon. Constants that both sides use are exported, so that they are written
// once. JavaScript thread.

#include "node/binding.h"

#include <cstddef>
#include <memory>
#include <vector>

#include "core/counters.h"
#include "core/shared_words.h"
#include "node/arguments.h"
#include "node/devices.h"
#include "node/environment.h"
#include "node/hot_path.h"
#include "node/settings.h"
#include "node/slabs.h"

namespace zerosend {
namespace {

// Raised whenever the interface between lib/addon and this addon changes.
constexpr uint32_t kInterfaceVersion = 14;

Napi::Object constants(Napi::Env env) {
  Napi::Object result = Napi::Object::New(env);
  const auto add = [&](const char* name, double value) { set(result, name, value); };
  add("zerocopy", static_cast<double>(Outcome::kZeroCopy));
  add("copied", static_cast<double>(Outcome::kCopied));
  add("inline", static_cast<double>(Outcome::kInline));
  add("revoked", static_cast<double>(Outcome::kRevoked));
  add("failed", static_cast<double>(Outcome::kFailed));
  add("failure", Record::kFailure);
  add("givenUp", kGivenUp);
  add("drain", Record::kDrain);
  add("connected", Record::kConnected);
  add("error", Record::kError);
  add("retired", Record::kRetired);
  add("passed", Record::kPassed);
  add("linkDown", Record::kLinkDown);
  add("waiting", Record::kWaiting);
  add("stamp", Record::kStamp);
  add("stamped", Record::kStamped);
  add("flagZeroCopy", kFlagZeroCopy);
  add("flagDestination", kFlagDestination);
  add("flagEach", kFlagEach);
  add("flagBegin", kFlagBegin);
  add("flagPrompt", kFlagPrompt);
  add("flagRange", kFlagRange);
  add("refusedClosed", static_cast<double>(Refusal::kClosed));
  add("refusedQueueFull", static_cast<double>(Refusal::kQueueFull));
  add("refusedWrongPool", static_cast<double>(Refusal::kWrongPool));
  add("batchRecords", Mailbox::kRecords);
  add("recordSize", Mailbox::kRecordSize);
  add("requests", Mailbox::kRequests);
  add("requestSize", Mailbox::kRequestSize);
  add("extents", kMostExtents);
  add("batchOffset", offsetof(Mailbox, batch));
  add("requestsOffset", offsetof(Mailbox, requests));
  add("callOffset", offsetof(Mailbox, call));
  add("queuedOffset", offsetof(Mailbox, queued));
  add("timeOffset", offsetof(Mailbox, time));
  add("timedOffset", offsetof(Mailbox, timed));
  add("prompt", kPrompt);
  add("lookBack", kLookBack);
  add("beginsOffset", offsetof(Mailbox, begins));
  add("destinationsOffset", offsetof(Mailbox, destinations));
  add("addressSize", sizeof(Address) / sizeof(uint32_t));
  add("sharedSize", sizeof(SharedRings));
  add("linesOffset", offsetof(SharedRings, lines));
  add("lines", SharedRings::kLines);
  add("wordsOfLine", SharedRings::kWordsOfLine);
  add("recordsOffset", offsetof(SharedRings, records));
  add("records", SharedRings::kRecords);
  add("cellsSize", sizeof(SharedCells));
  return result;
}

Napi::Value set_deliver(Info info) {
  if (info[0].IsFunction()) static_cast<Environment*>(info.Data())->set_deliver(info[0]);
  return info.Env().Undefined();
}

// The state of one loading of the addon. Deleted after the cleanup hooks have run.
struct Instance {
  const Extension extension;
  std::vector<std::unique_ptr<Environment>> environments;
  bool claimed = false;  // a copy of the library uses the exports of the module
};

// Makes an environment and fills `binding` with the functions that use it. Throws into JavaScript
// and leaves the object incomplete when Node.js refuses.
void bind(Napi::Env env, Napi::Object binding) {
  Environment* environment = Environment::create(env);
  if (environment == nullptr) return;
  Instance* const instance = env.GetInstanceData<Instance>();
  instance->environments.emplace_back(environment);

  const auto add_hot = [&](const char* name, napi_callback function) {
    napi_value value;
    if (napi_create_function(env, name, NAPI_AUTO_LENGTH, function, environment, &value) ==
        napi_ok) {
      set(binding, name, Napi::Value(env, value));
    }
  };
  add_hot("send", send_slot);
  add_hot("sendPlain", send_plain);
  add_hot("sendExtents", send_extents);
  add_hot("sendMany", send_many);
  add_hot("sendRun", send_run);
  add_hot("poll", poll_socket);
  add_hot("lookBack", look_back);
  add_hot("arm", arm_socket);
  add_hot("setAlarm", set_alarm);
  export_socket_functions(binding, environment);
  export_description_functions(binding, environment);
  export_settings_functions(binding, environment);
  export_ring_functions(binding, environment);
  export_submission_functions(binding, environment);
  export_slab_functions(binding, environment);
  export_device_functions(binding, environment);
  set_function<set_deliver>(binding, "setDeliver", environment);

  const Napi::Value mailbox = external_array_buffer(env, &environment->mailbox(), sizeof(Mailbox),
                                                    environment->shared_mailbox());
  if (mailbox.IsEmpty()) return;
  set(binding, "mailbox", mailbox);
  set(binding, "constants", constants(env));
  Napi::Array names = Napi::Array::New(env, kCounterCount);
  for (uint32_t i = 0; i < kCounterCount; ++i) set(names, i, kCounterNames[i]);
  set(binding, "counterNames", names);
  set(binding, "interfaceVersion", kInterfaceVersion);
  if (instance->extension != nullptr) instance->extension(env, binding, environment);
}

// claim(): returns a binding that nobody else uses. The first caller gets the exports of the
// module, each later one a new object with an environment of its own. A mailbox, and the function
// that is called for records, can serve only one copy of the library, and a thread may have several
// (a linked package, a bundle, a registry of modules that was reset): all of them load the same
// file, for which Node.js hands out the same exports each time.
Napi::Value claim(Info info) {
  Instance* instance = info.Env().GetInstanceData<Instance>();
  if (!instance->claimed) {
    instance->claimed = true;
    return info.This();
  }
  Napi::Object binding = Napi::Object::New(info.Env());
  bind(info.Env(), binding);
  return binding;
}

}  // namespace

Napi::Object initialize(Napi::Env env, Napi::Object exports, Extension extension) {
  env.SetInstanceData<Instance>(new Instance{extension, {}, false});
  bind(env, exports);
  set_function<claim>(exports, "claim", nullptr);
  return exports;
}

}  // namespace zerosend
