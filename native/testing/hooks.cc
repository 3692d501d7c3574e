#include "testing/hooks.h"

#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "node/environment.h"
#include "testing/faults.h"
#include "testing/injected_calls.h"
#include "testing/no_segmentation.h"

namespace zerosend {
namespace {

using Info = const Napi::CallbackInfo&;

double number(const Napi::Value& value, double otherwise) {
  return value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : otherwise;
}

// setFirstIds(sendId, kernelId): the first ids of sockets that are opened from now on
Napi::Value set_first_ids(Info info) {
  auto* environment = static_cast<Environment*>(info.Data());
  environment->first_id = static_cast<uint64_t>(number(info[0], 0));
  environment->first_kernel_id = static_cast<uint64_t>(number(info[1], 0));
  set_kernel_id_bias(static_cast<uint32_t>(environment->first_kernel_id));
  return info.Env().Undefined();
}

Step step_of(const Napi::Object& options) {
  Step step;
  step.skip = static_cast<int>(number(options.Get("skip"), 0));
  step.chance = static_cast<uint32_t>(number(options.Get("chance"), 0) * 65536);
  step.times = static_cast<int>(number(options.Get("times"), 1));
  step.delay = static_cast<int>(number(options.Get("delay"), 0));
  step.error = static_cast<int>(number(options.Get("error"), 0));
  step.after = options.Get("after").ToBoolean();
  step.limit = static_cast<int64_t>(number(options.Get("limit"), -1));
  step.bytes = static_cast<int64_t>(number(options.Get("bytes"), -1));
  step.only = static_cast<int>(number(options.Get("only"), -1));
  return step;
}

Fault* fault_of(Info info) {
  return info[0].IsString() ? find_fault(info[0].As<Napi::String>().Utf8Value().c_str()) : nullptr;
}

// inject(call, { skip, times, chance, delay, error, after, limit, bytes, only }, ...): see Step
Napi::Value inject(Info info) {
  Fault* fault = fault_of(info);
  if (fault == nullptr) {
    Napi::TypeError::New(info.Env(), "no such call").ThrowAsJavaScriptException();
    return {};
  }
  std::vector<Step> steps;
  for (size_t i = 1; i < info.Length(); ++i) {
    if (info[i].IsObject()) steps.push_back(step_of(info[i].As<Napi::Object>()));
  }
  fault->set(std::move(steps));
  return info.Env().Undefined();
}

// faults(call): { calls, struck } since the call was last injected
Napi::Value faults(Info info) {
  Fault* fault = fault_of(info);
  const Fault::Counts counts = fault == nullptr ? Fault::Counts{} : fault->counts();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("calls", static_cast<double>(counts.calls));
  result.Set("struck", static_cast<double>(counts.struck));
  return result;
}

// clearFaults(seed): removes all faults, and seeds the random sequence of later chances
Napi::Value clear_all(Info info) {
  clear_faults();
  if (info[0].IsNumber()) seed_faults(info[0].As<Napi::Number>().Uint32Value());
  return info.Env().Undefined();
}

// reportedRanges(): the completions that the kernel has reported since the last call, as
// [first, last, first, last, ...]. The first call starts the record.
Napi::Value reported_ranges(Info info) {
  const std::vector<ReportedRange> ranges = take_reported_ranges();
  Napi::Array result = Napi::Array::New(info.Env(), ranges.size() * 2);
  for (uint32_t i = 0; i < ranges.size(); ++i) {
    result.Set(2 * i, ranges[i].first);
    result.Set(2 * i + 1, ranges[i].last);
  }
  return result;
}

// setQdiscKind(kind): the kind of queueing discipline that netlink reports from now on; '' restores
// the real one
Napi::Value set_qdisc(Info info) {
  set_qdisc_kind(info[0].IsString() ? info[0].As<Napi::String>().Utf8Value().c_str() : "");
  return info.Env().Undefined();
}

// setMapCount(count): the value of vm.max_map_count from now on; 0 restores the real one
Napi::Value set_map_count_of(Info info) {
  set_map_count(static_cast<uint32_t>(number(info[0], 0)));
  return info.Env().Undefined();
}

// refuseSegments(port): answers datagrams to this port with EIO on sockets with UDP_SEGMENT; 0:
// none, 65536: all
Napi::Value refuse(Info info) {
  refuse_segments(static_cast<int>(number(info[0], 0)));
  return info.Env().Undefined();
}

// setOption(fd, level, name, value): calls setsockopt(2) with an int, as a program that has `fd`
// could. Returns 0 or the errno.
Napi::Value set_option(Info info) {
  const auto argument = [&](size_t i) { return static_cast<int>(number(info[i], -1)); };
  const int value = argument(3);
  const int result = ::setsockopt(argument(0), argument(1), argument(2), &value, sizeof value);
  return Napi::Number::New(info.Env(), result == 0 ? 0 : errno);
}

}  // namespace

void export_test_hooks(Napi::Env env, Napi::Object exports, Environment* environment) {
  static const bool installed = (install_faults(), true);
  static_cast<void>(installed);
  exports.Set("setFirstIds", Napi::Function::New(env, set_first_ids, "setFirstIds", environment));
  exports.Set("inject", Napi::Function::New(env, inject, "inject"));
  exports.Set("faults", Napi::Function::New(env, faults, "faults"));
  exports.Set("reportedRanges", Napi::Function::New(env, reported_ranges, "reportedRanges"));
  exports.Set("setQdiscKind", Napi::Function::New(env, set_qdisc, "setQdiscKind"));
  exports.Set("setMapCount", Napi::Function::New(env, set_map_count_of, "setMapCount"));
  exports.Set("refuseSegments", Napi::Function::New(env, refuse, "refuseSegments"));
  exports.Set("setOption", Napi::Function::New(env, set_option, "setOption"));
  exports.Set("clearFaults", Napi::Function::New(env, clear_all, "clearFaults"));
}

}  // namespace zerosend
