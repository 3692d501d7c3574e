#include "node/slabs.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "kernel/slab.h"
#include "node/arguments.h"

namespace zerosend {
namespace {

Napi::Value create_slab(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto kind = static_cast<HugePages>(std::min(unsigned_of(info[2]), 2u));
  std::shared_ptr<Slab> slab;
  if (const Failure failed =
          Slab::create(unsigned_of(info[0]), unsigned_of(info[1]), kind, &slab)) {
    return failure(env, failed);
  }
  const Napi::Value memory = external_array_buffer(env, slab->data(), slab->size(), slab);
  if (memory.IsEmpty()) return memory;
  Napi::Object result = Napi::Object::New(env);
  set(result, "memory", memory);
  set(result, "hugePageErrno", slab->huge_page_error());
  set(result, "handle", environment_of(info).add_slab(std::move(slab)));
  return result;
}

Napi::Value release_slab(const Napi::CallbackInfo& info) {
  environment_of(info).remove_slab(unsigned_of(info[0]));
  return info.Env().Undefined();
}

}  // namespace

Napi::Value external_array_buffer(Napi::Env env, void* data, size_t size,
                                  std::shared_ptr<void> owner) {
  // The finalizer belongs to the memory, not to this ArrayBuffer object: after a transfer it runs
  // when the ArrayBuffer that the memory was transferred to is collected.
  auto* hold = new std::shared_ptr<void>(std::move(owner));
  napi_value buffer;
  const napi_status status = napi_create_external_arraybuffer(
      env, data, size,
      [](napi_env, void*, void* hint) { delete static_cast<std::shared_ptr<void>*>(hint); }, hold,
      &buffer);
  if (status != napi_ok) {
    // Too large for a Buffer: Node has thrown, and has called the finalizer.
    if (env.IsExceptionPending()) return {};
    delete hold;
    napi_throw_error(env, "ERR_ZEROSEND_NO_EXTERNAL_BUFFERS",
                     "this JavaScript engine does not allow external ArrayBuffers");
    return {};
  }
  return {env, buffer};
}

void export_slab_functions(Napi::Object exports, Environment* environment) {
  set_function<create_slab>(exports, "createSlab", environment);
  set_function<release_slab>(exports, "releaseSlab", environment);
}

}  // namespace zerosend
