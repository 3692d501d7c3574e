#pragma once

#include <napi.h>

namespace zerosend {

class Environment;

// devices(): the network interfaces of this namespace, for `zerosend doctor`. JavaScript thread.
void export_device_functions(Napi::Object exports, Environment* environment);

}  // namespace zerosend
