#pragma once

#include <cstddef>
#include <cstdint>

namespace fuzz {

// Reads choices off the bytes that a fuzzer makes up. Past the end everything is 0.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : at_(data), end_(data + size) {}

  bool empty() const { return at_ == end_; }
  uint8_t byte() { return empty() ? 0 : *at_++; }
  uint32_t word() {
    uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value |= uint32_t{byte()} << (8 * i);
    return value;
  }
  // 0 <= result < bound <= 256
  size_t below(size_t bound) { return byte() % bound; }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
};

}  // namespace fuzz
