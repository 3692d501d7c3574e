// Random choices of property tests. Each test prints its seed; ZEROSEND_SEED=<number> repeats it.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>

namespace harness {

class Random {
 public:
  explicit Random(const char* test) : seed_(chosen_seed()), engine_(seed_) {
    std::printf("%s: ZEROSEND_SEED=%u\n", test, seed_);
  }

  uint32_t seed() const { return seed_; }

  // A number from 0 to below - 1.
  uint64_t below(uint64_t below) {
    return std::uniform_int_distribution<uint64_t>(0, below - 1)(engine_);
  }
  bool percent(unsigned chance) { return below(100) < chance; }
  std::mt19937& engine() { return engine_; }

 private:
  static uint32_t chosen_seed() {
    const char* given = std::getenv("ZEROSEND_SEED");
    if (given != nullptr) return static_cast<uint32_t>(std::strtoul(given, nullptr, 10));
    return std::random_device{}();
  }

  const uint32_t seed_;
  std::mt19937 engine_;
};

}  // namespace harness
