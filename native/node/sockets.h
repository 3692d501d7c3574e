#pragma once

#include <napi.h>

namespace zerosend {

class Environment;

// The functions on sockets that run once in a socket's life, or for a person to read. JavaScript
// thread. Failures come back as `{ errno, syscall }`, so that TypeScript builds all errors.
void export_socket_functions(Napi::Object exports, Environment* environment);

}  // namespace zerosend
