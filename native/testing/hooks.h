#pragma once

#include <napi.h>

namespace zerosend {

class Environment;

// Only in the test build: where ids start, and which system calls fail.
void export_test_hooks(Napi::Env env, Napi::Object exports, Environment* environment);

}  // namespace zerosend
