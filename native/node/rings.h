#pragma once

#include <napi.h>

namespace zerosend {

class Environment;

// openPacket(request), openXdp(request): opening the sockets whose ring is also their pool. As the
// other open functions, they answer `{ handle, fd, … }` or `{ errno, syscall }`.
// sendPacket(handle, count): a packet out of several frames. skip(handle, slot): past a place that
// nobody fills. JavaScript thread.
void export_ring_functions(Napi::Object exports, Environment* environment);

}  // namespace zerosend
