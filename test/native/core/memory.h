// What tests of memory need: a kernel that reads it in place, and what the kernel says of a
// mapping.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "harness.h"

namespace harness {

constexpr size_t kPage = 4096;

// Holds pages of ours by reference, as a zero-copy send in flight does: vmsplice(2) puts them into
// a pipe without copying, and they are read when the pipe is.
class Reader {
 public:
  Reader() { Check(::pipe(ends_) == 0, "pipe", __FILE__, __LINE__); }
  ~Reader() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  void hold(const uint8_t* data, size_t length) {
    iovec part{const_cast<uint8_t*>(data), length};
    const ssize_t held = ::vmsplice(ends_[1], &part, 1, SPLICE_F_NONBLOCK);
    Check(held == static_cast<ssize_t>(length), "vmsplice holds all", __FILE__, __LINE__);
    held_ = length;
  }

  // What the kernel reads now.
  std::vector<uint8_t> read() {
    std::vector<uint8_t> bytes(held_);
    size_t got = 0;
    while (got < held_) {
      const ssize_t more = ::read(ends_[0], bytes.data() + got, held_ - got);
      if (more <= 0) break;
      got += static_cast<size_t>(more);
    }
    Check(got == held_, "the pipe gives all", __FILE__, __LINE__);
    return bytes;
  }

  bool sees_only(uint8_t value) {
    for (const uint8_t byte : read()) {
      if (byte != value) return false;
    }
    return true;
  }

 private:
  int ends_[2];
  size_t held_ = 0;
};

inline bool is_mapped(const void* address, size_t length) {
  std::vector<unsigned char> pages((length + kPage - 1) / kPage);
  return ::mincore(const_cast<void*>(address), length, pages.data()) == 0;
}

// Mappings of the process. The allocator makes and ends some at any time, and valgrind too: what
// may leave none behind is repeated, and more than kStrayMappings of them are its own.
inline constexpr size_t kStrayMappings = 20;

inline size_t count_mappings() {
  std::ifstream maps("/proc/self/maps");
  std::string line;
  size_t count = 0;
  while (std::getline(maps, line)) ++count;
  return count;
}

// Mappings that have bytes of this memory.
inline size_t count_mappings(const uint8_t* data, size_t length) {
  std::ifstream maps("/proc/self/maps");
  std::string line;
  size_t count = 0;
  const auto begin = reinterpret_cast<uintptr_t>(data);
  while (std::getline(maps, line)) {
    char* rest = nullptr;
    const uintptr_t from = std::strtoul(line.c_str(), &rest, 16);
    const uintptr_t to = std::strtoul(rest + 1, nullptr, 16);
    if (from < begin + length && to > begin) ++count;
  }
  return count;
}

// Address space in use, whether touched or not.
inline size_t mapped_bytes() {
  std::ifstream statm("/proc/self/statm");
  size_t pages = 0;
  statm >> pages;
  return pages * kPage;
}

inline bool all_are(const uint8_t* data, size_t length, uint8_t value) {
  for (size_t i = 0; i < length; ++i) {
    if (data[i] != value) return false;
  }
  return true;
}

}  // namespace harness
