#include "testing/faults.h"

#include <unistd.h>

#include <atomic>
#include <cstring>
#include <utility>

namespace zerosend {

#define X(name) Fault name##_fault;
ZEROSEND_FAULTS(X)
#undef X

namespace {

std::atomic<uint32_t> random_state{1};

std::optional<Step> struck(std::optional<Step> step) {
  if (step && step->delay > 0) ::usleep(static_cast<useconds_t>(step->delay) * 1000);
  return step;
}

}  // namespace

uint32_t next_random() {
  uint32_t state = random_state.load();
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  random_state = state;
  return state;
}

void Fault::set(std::vector<Step> steps) {
  std::lock_guard<std::mutex> lock(mutex_);
  steps_ = std::move(steps);
  at_ = 0;
  counts_ = {};
}

Fault::Counts Fault::counts() {
  std::lock_guard<std::mutex> lock(mutex_);
  return counts_;
}

std::optional<Step> Fault::strike(int kind) {
  return struck(find_strike([](int only, int that) { return that == only; }, kind));
}

std::optional<Step> Fault::strike_flags(int flags) {
  return struck(find_strike([](int only, int that) { return (that & only) != 0; }, flags));
}

std::optional<Step> Fault::find_strike(bool (*meant)(int only, int kind), int kind) {
  std::lock_guard<std::mutex> lock(mutex_);
  const bool idle = at_ == steps_.size();
  if (!idle && steps_[at_].only >= 0 && !meant(steps_[at_].only, kind)) return std::nullopt;
  ++counts_.calls;
  if (idle) return std::nullopt;
  Step& step = steps_[at_];
  if (step.skip > 0) {
    --step.skip;
    return std::nullopt;
  }
  if (step.chance > 0) {
    if ((next_random() & 0xffff) >= step.chance) return std::nullopt;
  } else if (--step.times <= 0) {
    ++at_;
  }
  ++counts_.struck;
  return step;
}

Fault* find_fault(const char* call) {
#define X(name) \
  if (std::strcmp(call, #name) == 0) return &name##_fault;
  ZEROSEND_FAULTS(X)
#undef X
  return nullptr;
}

void clear_faults() {
#define X(name) name##_fault.clear();
  ZEROSEND_FAULTS(X)
#undef X
}

void seed_faults(uint32_t seed) { random_state = seed == 0 ? 1 : seed; }

}  // namespace zerosend
