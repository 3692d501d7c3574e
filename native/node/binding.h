#pragma once

#include <napi.h>

namespace zerosend {

class Environment;

// The functions that run once in a socket's life, or that report its state. JavaScript thread. They
// return failures as objects with `errno` and `syscall`, of which TypeScript makes all errors.
// sockets.cc opens TCP and UDP sockets, and has what all kinds of sockets share; rings.cc opens
// sockets with a ring; describe.cc reports the state.
void export_socket_functions(Napi::Object exports, Environment* environment);
void export_description_functions(Napi::Object exports, Environment* environment);
void export_submission_functions(Napi::Object exports, Environment* environment);
void export_ring_functions(Napi::Object exports, Environment* environment);

// Adds more functions to a binding, which use its environment.
using Extension = void (*)(Napi::Env env, Napi::Object binding, Environment* environment);

// Fills the exports of the module that has been loaded. `extension`, if any, is called for each
// binding.
Napi::Object initialize(Napi::Env env, Napi::Object exports, Extension extension);

}  // namespace zerosend
