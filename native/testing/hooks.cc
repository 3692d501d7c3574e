#include "testing/hooks.h"

#include "node/environment.h"
#include "os/syscalls.h"

namespace zerosend {

Syscalls sys;

namespace {

Napi::Value set_first_ids(const Napi::CallbackInfo& info) {
  auto* environment = static_cast<Environment*>(info.Data());
  environment->first_id = static_cast<uint64_t>(info[0].As<Napi::Number>().DoubleValue());
  environment->first_kernel_id = static_cast<uint64_t>(info[1].As<Napi::Number>().DoubleValue());
  return info.Env().Undefined();
}

}  // namespace

void export_test_hooks(Napi::Env env, Napi::Object exports, Environment* environment) {
  exports.Set("setFirstIds", Napi::Function::New(env, set_first_ids, "setFirstIds", environment));
}

}  // namespace zerosend
