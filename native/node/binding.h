#pragma once

#include <napi.h>

namespace zerosend {

class Environment;

// Adds more functions to a binding, which use its environment.
using Extension = void (*)(Napi::Env env, Napi::Object binding, Environment* environment);

// Fills the exports of the module that has been loaded. `extension`, if any, is called for each
// binding.
Napi::Object initialize(Napi::Env env, Napi::Object exports, Extension extension);

}  // namespace zerosend
