#pragma once

#include <napi.h>

#include <cstdint>
#include <string>

#include "node/environment.h"

namespace zerosend {

// Reading arguments and answering failures, for the functions that are not on the hot path.
// JavaScript thread.

inline Environment& environment_of(const Napi::CallbackInfo& info) {
  return *static_cast<Environment*>(info.Data());
}

inline uint32_t unsigned_of(const Napi::Value& value) {
  return value.IsNumber() ? value.As<Napi::Number>().Uint32Value() : 0;
}

inline std::string string_of(const Napi::Value& value) {
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
}

inline bool truth_of(const Napi::Value& value) {
  return !value.IsEmpty() && value.ToBoolean().Value();
}

// Empty when a getter throws, and from then on: with an exception pending node-addon-api would end
// the process at the next call.
inline Napi::Value property(const Napi::Value& object, const char* name) {
  return object.Env().IsExceptionPending() ? Napi::Value() : object.As<Napi::Object>().Get(name);
}

inline Napi::Object failure(Napi::Env env, int error, const char* syscall) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("errno", error);
  result.Set("syscall", syscall);
  return result;
}

}  // namespace zerosend
