#include "node/environment.h"
#include "node/hot_path.h"
#include "node/records.h"

namespace zerosend {

napi_value look_back(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
  Environment& environment = *static_cast<Environment*>(data);
  RecentSenders& recent = environment.recent_senders;
  size_t count = 0;
  for (size_t i = 0; i < RecentSenders::kMost; ++i) {
    Socket* socket = environment.poller().find(recent.handle(i));
    Record ended;
    if (socket == nullptr || !socket->look_back(&ended)) continue;
    write_record(environment.mailbox(), count++, recent.handle(i), ended);
  }
  recent.judge(count);
  napi_value answer = nullptr;
  napi_create_uint32(env, static_cast<uint32_t>(count), &answer);
  return answer;
}

}  // namespace zerosend
