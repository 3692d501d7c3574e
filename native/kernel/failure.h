#pragma once

#include <cerrno>

namespace zerosend {

// How something that makes system calls has ended: the errno of the call that failed, and its name,
// which JavaScript is told. The errno is 0 where nothing has failed.
struct Failure {
  int error = 0;
  const char* call = "";

  // Takes the errno of a call that has just failed.
  static Failure of(const char* call) { return {errno, call}; }

  explicit operator bool() const { return error != 0; }
};

}  // namespace zerosend
