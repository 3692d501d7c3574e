#include "testing/hooks.h"

#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "node/environment.h"
#include "testing/faults.h"

namespace zerosend {
namespace {

using Info = const Napi::CallbackInfo&;

double number(const Napi::Value& value, double otherwise) {
  return value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : otherwise;
}

// setFirstIds(sendId, kernelId): where sockets opened from now on start to count
Napi::Value set_first_ids(Info info) {
  auto* environment = static_cast<Environment*>(info.Data());
  environment->first_id = static_cast<uint64_t>(number(info[0], 0));
  environment->first_kernel_id = static_cast<uint64_t>(number(info[1], 0));
  set_kernel_id_bias(static_cast<uint32_t>(environment->first_kernel_id));
  return info.Env().Undefined();
}

// inject(call, { skip, times, chance, error, limit }): see Fault
Napi::Value inject(Info info) {
  Fault* fault =
      info[0].IsString() ? find_fault(info[0].As<Napi::String>().Utf8Value().c_str()) : nullptr;
  if (fault == nullptr || !info[1].IsObject()) {
    Napi::TypeError::New(info.Env(), "no such call").ThrowAsJavaScriptException();
    return {};
  }
  const auto options = info[1].As<Napi::Object>();
  fault->clear();
  fault->skip = static_cast<int>(number(options.Get("skip"), 0));
  fault->error = static_cast<int>(number(options.Get("error"), 0));
  fault->limit = static_cast<int64_t>(number(options.Get("limit"), -1));
  fault->chance = static_cast<uint32_t>(number(options.Get("chance"), 0) * 65536);
  fault->times = static_cast<int>(number(options.Get("times"), fault->chance > 0 ? 0 : 1));
  return info.Env().Undefined();
}

// faults(call): { calls, struck } since the call was last injected
Napi::Value faults(Info info) {
  const Fault* fault =
      info[0].IsString() ? find_fault(info[0].As<Napi::String>().Utf8Value().c_str()) : nullptr;
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("calls", fault == nullptr ? 0 : static_cast<double>(fault->calls));
  result.Set("struck", fault == nullptr ? 0 : static_cast<double>(fault->struck));
  return result;
}

// clearFaults(seed): no faults any more; the chances to come follow the seed
Napi::Value clear_all(Info info) {
  clear_faults();
  if (info[0].IsNumber()) seed_faults(info[0].As<Napi::Number>().Uint32Value());
  return info.Env().Undefined();
}

// setOption(fd, level, name, value): setsockopt(2) with an int, as a user of `fd` may call it.
// Returns 0 or the errno.
Napi::Value set_option(Info info) {
  const auto integer = [&](size_t index) { return static_cast<int>(number(info[index], -1)); };
  const int value = integer(3);
  const int result = ::setsockopt(integer(0), integer(1), integer(2), &value, sizeof value);
  return Napi::Number::New(info.Env(), result == 0 ? 0 : errno);
}

}  // namespace

void export_test_hooks(Napi::Env env, Napi::Object exports, Environment* environment) {
  static const bool installed = (install_faults(), true);
  static_cast<void>(installed);
  exports.Set("setFirstIds", Napi::Function::New(env, set_first_ids, "setFirstIds", environment));
  exports.Set("inject", Napi::Function::New(env, inject, "inject"));
  exports.Set("faults", Napi::Function::New(env, faults, "faults"));
  exports.Set("setOption", Napi::Function::New(env, set_option, "setOption"));
  exports.Set("clearFaults", Napi::Function::New(env, clear_all, "clearFaults"));
}

}  // namespace zerosend
