#pragma once

#include <chrono>

#include "random.h"

namespace stress {

// Plays JavaScript against the submission thread and the poller thread for so long. Returns how
// many sends were published.
uint64_t run_submission(Random random, std::chrono::steady_clock::time_point end);

}  // namespace stress
