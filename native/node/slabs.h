#pragma once

#include <napi.h>

#include <memory>

namespace zerosend {

class Environment;

// createSlab(slotSize, slots, hugePages) answers `{ handle, memory, hugePageErrno }`, or a failure.
// releaseSlab(handle) ends the pool's ownership; views and sends in flight keep the memory mapped.
// JavaScript thread.
void export_slab_functions(Napi::Object exports, Environment* environment);

// An ArrayBuffer on native memory that `owner` keeps valid for as long as JavaScript may reach it.
// Empty with a pending exception where the engine allows no such thing (a sandboxed V8).
Napi::Value external_array_buffer(Napi::Env env, void* data, size_t size,
                                  std::shared_ptr<void> owner);

}  // namespace zerosend
