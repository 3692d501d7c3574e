#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace fuzz {

// Parses the input as the control part of an error-queue message (its first byte: whether the
// kernel cut it) and compares with what a plain reading of cmsg(3) says. Returns what is wrong, or
// an empty string.
std::string check_notification(const uint8_t* data, size_t size);

}  // namespace fuzz
