#pragma once

#include <napi.h>

namespace zerosend {

class Environment;

// Functions of the test build only: they set where ids start, and which system calls fail.
void export_test_hooks(Napi::Env env, Napi::Object exports, Environment* environment);

}  // namespace zerosend
