#pragma once

#include <unistd.h>

#include <cstddef>

namespace zerosend {

// Bytes of a page of this system: 4096, or up to 64 KiB on some ARM and POWER systems.
inline size_t page_size() {
  static const auto size = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

}  // namespace zerosend
