// The entry point of the shipped addon; that of the test build is in testing/.

#include "node/binding.h"

namespace {

Napi::Object initialize_addon(Napi::Env env, Napi::Object exports) {
  return zerosend::initialize(env, exports, nullptr);
}

}  // namespace

NODE_API_MODULE(zerosend, initialize_addon)
