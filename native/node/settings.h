#pragma once

#include <napi.h>

#include "kernel/failure.h"
#include "kernel/open.h"

namespace zerosend {

class Environment;

// Options of TCP and UDP sockets, by the names of kSocketOptions. JavaScript thread.

// Reads those options of the object that it has, for a socket that is to be opened.
Failure read_settings(const Napi::Value& given, OpenOptions* options);

// Reads the options from the kernel: an object with a number for each, or the name of an interface.
Napi::Object settings_of(Napi::Env env, int fd, int family);

// setSocketOption(handle, name, value): null, or what has failed
void export_settings_functions(Napi::Object exports, Environment* environment);

}  // namespace zerosend
