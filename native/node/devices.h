#pragma once

#include <napi.h>

namespace zerosend {

class Environment;
struct InterfaceFacts;

// Which interface it is, and whether it can transmit. JavaScript thread.
Napi::Object describe_interface(Napi::Env env, const InterfaceFacts& facts);

// devices(): the network interfaces of this namespace, for `zerosend doctor`. JavaScript thread.
void export_device_functions(Napi::Object exports, Environment* environment);

}  // namespace zerosend
