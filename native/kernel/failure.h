#pragma once

#include <cerrno>

namespace zerosend {

// The result of an operation that makes system calls: the errno and the name of the call that
// failed, for the error in JavaScript. The errno is 0 where nothing has failed.
struct Failure {
  int error = 0;
  const char* call = "";

  // Takes the errno of a call that has just failed.
  static Failure of(const char* call) { return {errno, call}; }

  explicit operator bool() const { return error != 0; }
};

}  // namespace zerosend
