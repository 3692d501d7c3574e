#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace fuzz {

// Takes the input as operations on a Ledger with a Coalescer behind it and compares each answer
// with plain maps. Returns what is wrong, or an empty string.
std::string check_ledger(const uint8_t* data, size_t size);

}  // namespace fuzz
