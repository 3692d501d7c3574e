#pragma once

#include <napi.h>

namespace zerosend {

class Environment;

// The functions that run once in a socket's life, or for a person to read. JavaScript thread. They
// answer failures as objects with `errno` and `syscall`, so that TypeScript builds all errors.
// sockets.cc has what opens TCP and UDP sockets, and what all sockets can; rings.cc has the same
// for sockets whose ring is also their pool; describe.cc has what they tell of themselves.
void export_socket_functions(Napi::Object exports, Environment* environment);
void export_description_functions(Napi::Object exports, Environment* environment);
void export_ring_functions(Napi::Object exports, Environment* environment);

// Adds more functions to a binding, which use its environment.
using Extension = void (*)(Napi::Env env, Napi::Object binding, Environment* environment);

// Fills the exports of the module that has been loaded. `extension`, if any, is called for each
// binding.
Napi::Object initialize(Napi::Env env, Napi::Object exports, Extension extension);

}  // namespace zerosend
