// A Node-API addon of another interface version. Node's headers are not on every machine that runs
// the tests, and these two functions are all that it takes.
#include <stdint.h>

typedef struct napi_env__* napi_env;
typedef struct napi_value__* napi_value;
int napi_create_uint32(napi_env env, uint32_t number, napi_value* result);
int napi_set_named_property(napi_env env, napi_value object, const char* name, napi_value value);

#define EXPORTED __attribute__((visibility("default")))

EXPORTED int32_t node_api_module_get_api_version_v1(void) { return 9; }

EXPORTED napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  napi_value version;
  if (napi_create_uint32(env, 77, &version) == 0) {
    napi_set_named_property(env, exports, "interfaceVersion", version);
  }
  return exports;
}
