#pragma once

#include <napi.h>

#include <cstdint>
#include <string>

#include "kernel/failure.h"
#include "node/environment.h"

namespace zerosend {

// Helpers that read arguments and make results, for the functions that are not on the hot path.
// JavaScript thread.
//
// A worker can be terminated while it is in one of these functions. From then on Node-API refuses
// every call that could run JavaScript, setting a property included. node-addon-api turns the
// refusal into an exception, and where that cannot be thrown, it ends the process. So properties
// are read and set, and functions are made, by the helpers below, which ignore a refusal: no code
// will see the result in a worker that has been terminated.

using Info = const Napi::CallbackInfo&;

inline Environment& environment_of(Info info) { return *static_cast<Environment*>(info.Data()); }

inline uint32_t unsigned_of(const Napi::Value& value) {
  return value.IsNumber() ? value.As<Napi::Number>().Uint32Value() : 0;
}

// The socket whose handle is the first argument; null when it is closed.
inline Socket* socket_of(Info info) {
  return environment_of(info).poller().find(unsigned_of(info[0]));
}

inline std::string string_of(const Napi::Value& value) {
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
}

inline bool truth_of(const Napi::Value& value) {
  return value.IsBoolean() && value.As<Napi::Boolean>().Value();
}

// Reads an own property of the object: what a program has put on Object.prototype is not an
// argument. The value is empty when the object has none, when its getter throws, and for any
// property after that, as long as the exception is pending.
inline Napi::Value property(const Napi::Value& object, const char* name) {
  const napi_env env = object.Env();
  napi_value key = nullptr;
  napi_value value = nullptr;
  bool own = false;
  if (napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &key) != napi_ok ||
      napi_has_own_property(env, object, key, &own) != napi_ok || !own ||
      napi_get_property(env, object, key, &value) != napi_ok) {
    return {};
  }
  return {env, value};
}

inline bool has(const Napi::Object& object, const char* name) {
  return !property(object, name).IsEmpty();
}

// Defines a property. An assignment would call a setter of that name on Object.prototype, and would
// fail where there is a read-only property of that name.
template <class T>
void set(Napi::Object object, const char* name, const T& value) {
  napi_property_descriptor property{};
  property.utf8name = name;
  property.value = Napi::Value::From(object.Env(), value);
  property.attributes = napi_default_jsproperty;
  napi_define_properties(object.Env(), object, 1, &property);
}

template <class T>
void set(Napi::Array array, uint32_t index, const T& value) {
  napi_set_element(array.Env(), array, index, Napi::Value::From(array.Env(), value));
}

template <Napi::Value (*function)(Info)>
void set_function(Napi::Object exports, const char* name, Environment* environment) {
  const napi_callback call = [](napi_env env, napi_callback_info info) -> napi_value {
    return function(Napi::CallbackInfo(env, info));
  };
  napi_value value = nullptr;
  if (napi_create_function(exports.Env(), name, NAPI_AUTO_LENGTH, call, environment, &value) ==
      napi_ok) {
    napi_set_named_property(exports.Env(), exports, name, value);
  }
}

inline Napi::Object failure(Napi::Env env, int error, const char* syscall) {
  Napi::Object result = Napi::Object::New(env);
  set(result, "errno", error);
  set(result, "syscall", syscall);
  return result;
}
inline Napi::Object failure(Napi::Env env, const Failure& failed) {
  return failure(env, failed.error, failed.call);
}

}  // namespace zerosend
