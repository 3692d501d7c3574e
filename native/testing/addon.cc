// The entry point of the test build: the shipped addon, and functions that inject faults.

#include "node/binding.h"
#include "testing/hooks.h"

namespace {

Napi::Object initialize_addon(Napi::Env env, Napi::Object exports) {
  return zerosend::initialize(env, exports, zerosend::export_test_hooks);
}

}  // namespace

NODE_API_MODULE(zerosend_test, initialize_addon)
