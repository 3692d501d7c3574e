#pragma once

#include <cstdint>

namespace stress {

// Puts system calls in the library's way that fail at random, `per_mille` of them; 0 switches it
// off. Only with what the kernel may answer at any time. Before any other thread runs.
void install_faults(uint64_t seed, uint32_t per_mille);

// Failures injected so far, by all threads.
uint64_t fault_count();

}  // namespace stress
