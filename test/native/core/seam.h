// Stands in for system calls: see native/kernel/syscalls.h.
#pragma once

#include <cerrno>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "kernel/syscalls.h"

namespace harness {

// Has the next call of one entry of the table fail, for as long as this lives:
//   const FailNext fail(&Syscalls::mmap, ENOMEM);
template <class Result, class... Arguments>
class FailNext {
 public:
  using Call = Result (*)(Arguments...);

  FailNext(Call zerosend::Syscalls::* entry, int error) : entry_(entry) {
    real_ = zerosend::sys.*entry;
    error_ = error;
    zerosend::sys.*entry = fail;
  }
  ~FailNext() { zerosend::sys.*entry_ = real_; }
  FailNext(const FailNext&) = delete;
  FailNext& operator=(const FailNext&) = delete;

 private:
  static Result fail(Arguments... arguments) {
    if (error_ == 0) return real_(arguments...);
    errno = std::exchange(error_, 0);
    if constexpr (std::is_pointer_v<Result>) {
      return reinterpret_cast<Result>(intptr_t{-1});
    } else {
      return -1;
    }
  }

  static inline Call real_ = nullptr;
  static inline int error_ = 0;
  Call zerosend::Syscalls::* const entry_;
};

}  // namespace harness
