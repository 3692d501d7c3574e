#pragma once

#include <napi.h>

namespace zerosend {

class Environment;

// Only in the test build. setFirstIds(sendId, kernelId): where new sockets start to count.
void export_test_hooks(Napi::Env env, Napi::Object exports, Environment* environment);

}  // namespace zerosend
