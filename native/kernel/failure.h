#pragma once

#include <cerrno>

namespace zerosend {

// How something has ended that makes system calls: the errno of the one that failed, and its name,
// which JavaScript is told. Nothing has failed where there is no errno.
struct Failure {
  int error = 0;
  const char* call = "";

  // What errno says of a call that has just failed.
  static Failure of(const char* call) { return {errno, call}; }

  explicit operator bool() const { return error != 0; }
};

}  // namespace zerosend
