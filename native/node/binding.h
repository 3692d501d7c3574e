#pragma once

#include <napi.h>

namespace zerosend {

class Environment;

// ---- its functions, by file
// ---------------------------------------------------------------------- They run once in a
// socket's life, or for a person to read. Failures come back as `{ errno, syscall
// }`, so that TypeScript builds all errors. JavaScript thread.

// sockets.cc: opening TCP and UDP sockets, and what all sockets can.
void export_socket_functions(Napi::Object exports, Environment* environment);
// rings.cc: opening the sockets whose ring is also their pool, and what only these can.
void export_ring_functions(Napi::Object exports, Environment* environment);

// ---- the binding
// ---------------------------------------------------------------------------------

// Adds more functions to a binding, which use its environment.
using Extension = void (*)(Napi::Env env, Napi::Object binding, Environment* environment);

// Fills the exports of the module that has been loaded. `extension`, if any, is called for each
// binding.
Napi::Object initialize(Napi::Env env, Napi::Object exports, Extension extension);

}  // namespace zerosend
