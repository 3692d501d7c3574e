#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

namespace zerosend {

// The window [begin, end) of a growing sequence of ids, one T for each:
//
//        begin                end
//          v                   v
//   .......[ 5 | 6 | 7 | 8 | 9 ]........     T of id i lives at slots_[i & mask_]
//
// Ids enter at the end and leave at the beginning. Memory is allocated only when the window
// outgrows the ring, and then doubles, so a steady window never allocates.
template <class T>
class IdRing {
 public:
  // `capacity` is a power of two, so that `id & mask_` finds the slot.
  explicit IdRing(uint64_t first, size_t capacity = 64)
      : slots_(capacity), mask_(capacity - 1), begin_(first), end_(first) {}

  uint64_t begin() const { return begin_; }
  uint64_t end() const { return end_; }
  uint64_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }

  T& operator[](uint64_t id) { return slots_[id & mask_]; }
  const T& operator[](uint64_t id) const { return slots_[id & mask_]; }
  T& front() { return (*this)[begin_]; }
  T& back() { return (*this)[end_ - 1]; }

  uint64_t push(T value) {
    extend() = std::move(value);
    return end_ - 1;
  }

  // Gives out an id that leaves the window at once. The window has to be empty, and no slot is
  // touched.
  uint64_t pass() {
    ++begin_;
    return end_++;
  }

  // Adds an id. The caller has to fill in its T, which may still hold the values of an earlier id.
  T& extend() {
    if (size() > mask_) grow();
    return (*this)[end_++];
  }

  void pop_front() { let_go(begin_++); }
  void pop_back() { let_go(--end_); }

 private:
  void let_go(uint64_t id) {
    if constexpr (!std::is_trivially_destructible_v<T>) (*this)[id] = T{};
  }

  void grow() {
    std::vector<T> larger(slots_.size() * 2);
    for (uint64_t id = begin_; id != end_; ++id) {
      larger[id & (larger.size() - 1)] = std::move((*this)[id]);
    }
    slots_ = std::move(larger);
    mask_ = slots_.size() - 1;
  }

  std::vector<T> slots_;
  uint64_t mask_;
  uint64_t begin_;
  uint64_t end_;
};

}  // namespace zerosend
