#pragma once

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace stress {

// What to repeat a run with; set once, before any thread runs.
extern uint64_t run_seed;

}  // namespace stress

// A broken invariant ends the program at once, with the state still there for a debugger.
#define DIE(...)                                                                             \
  do {                                                                                       \
    std::fprintf(stderr, "stress: FAILED at %s:%d (seed %" PRIu64 "): ", __FILE__, __LINE__, \
                 ::stress::run_seed);                                                        \
    std::fprintf(stderr, __VA_ARGS__);                                                       \
    std::fputc('\n', stderr);                                                                \
    std::_Exit(1);                                                                           \
  } while (false)

#define MUST(condition, ...)            \
  do {                                  \
    if (!(condition)) DIE(__VA_ARGS__); \
  } while (false)
