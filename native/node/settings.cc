#include "node/settings.h"

#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "kernel/interface.h"
#include "kernel/socket_options.h"
#include "kernel/syscalls.h"
#include "node/arguments.h"

namespace zerosend {
namespace {

// Reads the number for an option that was given as one, or as the name of an interface.
Failure read_setting(const SocketOption& option, const Napi::Value& value, int* out) {
  if (option.is_interface && value.IsString()) {
    uint32_t index = 0;
    const Failure absent = interface_index(string_of(value), &index);
    *out = static_cast<int>(index);
    return absent;
  }
  if (!value.IsNumber()) {
    return option.is_interface ? Failure{ENODEV, "if_nametoindex"}
                               : Failure{EINVAL, option.any.call};
  }
  *out = static_cast<int>(unsigned_of(value));
  return {};
}

// setSocketOption(handle, name, value): null, or what has failed
Napi::Value set_option(Info info) {
  const Napi::Env env = info.Env();
  Socket* socket = environment_of(info).poller().find(unsigned_of(info[0]));
  if (socket == nullptr || socket->fd() < 0) return failure(env, EBADF, "setsockopt");
  const SocketOption* known = find_socket_option(string_of(info[1]));
  if (known == nullptr) return failure(env, EINVAL, "setsockopt");
  int value = 0;
  if (const Failure unread = read_setting(*known, info[2], &value)) return failure(env, unread);
  int family = AF_UNSPEC;
  socklen_t length = sizeof family;
  sys.getsockopt(socket->fd(), SOL_SOCKET, SO_DOMAIN, &family, &length);
  if (const Failure failed = set_socket_option(socket->fd(), family, *known, value)) {
    return failure(env, failed);
  }
  return env.Null();
}

}  // namespace

Failure read_settings(const Napi::Value& given, OpenOptions* options) {
  if (!given.IsObject()) return {};
  for (size_t i = 0; i < kSocketOptionCount; ++i) {
    const SocketOption& option = kSocketOptions[i];
    const Napi::Value value = property(given, option.name);
    if (value.IsEmpty() || value.IsUndefined()) continue;
    int number = 0;
    if (const Failure unread = read_setting(option, value, &number)) return unread;
    options->settings.emplace_back(&option, number);
  }
  return {};
}

Napi::Object settings_of(Napi::Env env, int fd, int family) {
  Napi::Object result = Napi::Object::New(env);
  for (size_t i = 0; i < kSocketOptionCount; ++i) {
    const SocketOption& known = kSocketOptions[i];
    int value = 0;
    if (!get_socket_option(fd, family, known, &value)) continue;
    char name[IF_NAMESIZE];
    if (!known.is_interface) {
      set(result, known.name, value);
    } else if (if_indextoname(static_cast<unsigned>(value), name) != nullptr) {
      set(result, known.name, std::string(name));
    }
  }
  return result;
}

void export_settings_functions(Napi::Object exports, Environment* environment) {
  set_function<set_option>(exports, "setSocketOption", environment);
}

}  // namespace zerosend
