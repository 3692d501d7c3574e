#include "node/devices.h"

#include <vector>

#include "kernel/device.h"
#include "node/arguments.h"

namespace zerosend {
namespace {

Napi::Object describe(Napi::Env env, const Device& device) {
  Napi::Object result = describe_interface(env, device.interface);
  set(result, "mtu", device.interface.mtu);
  set(result, "loopback", device.loopback);
  set(result, "kind", device.kind);
  set(result, "driver", device.driver);
  set(result, "qdisc", device.qdisc);
  set(result, "queues", device.queues);
  set(result, "xdpMode", static_cast<uint32_t>(device.xdp_mode));
  set(result, "stamping", device.stamping);
  set(result, "featuresErrno", device.features_error);
  Napi::Object features = Napi::Object::New(env);
  for (const auto& [name, on] : device.features) set(features, name.c_str(), on);
  set(result, "features", features);
  return result;
}

// devices(): an array, or what has failed
Napi::Value devices(Info info) {
  std::vector<Device> found;
  if (const Failure failed = read_devices(&found)) return failure(info.Env(), failed);
  Napi::Array result = Napi::Array::New(info.Env(), found.size());
  for (uint32_t i = 0; i < found.size(); ++i) set(result, i, describe(info.Env(), found[i]));
  return result;
}

}  // namespace

Napi::Object describe_interface(Napi::Env env, const InterfaceFacts& facts) {
  Napi::Object result = Napi::Object::New(env);
  set(result, "index", facts.index);
  set(result, "name", facts.name);
  set(result, "up", facts.up);
  set(result, "carrier", facts.carrier);
  set(result, "operstate", static_cast<uint32_t>(facts.operstate));
  return result;
}

void export_device_functions(Napi::Object exports, Environment* environment) {
  set_function<devices>(exports, "devices", environment);
}

}  // namespace zerosend
