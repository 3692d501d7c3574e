#pragma once

#include <unistd.h>

#include <cstddef>

namespace zerosend {

// Returns how many bytes a page of this system has: 4096, or up to 64 KiB on some ARM and POWER
// systems.
inline size_t page_size() {
  static const auto size = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

}  // namespace zerosend
