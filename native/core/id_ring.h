#pragma once

#include <cstddef>
#include <cstdint>
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
  explicit IdRing(uint64_t first, size_t capacity = 64)
      : slots_(capacity), begin_(first), end_(first) {
    // capacity is a power of two, so that `id & mask` finds the slot
  }

  uint64_t begin() const { return begin_; }
  uint64_t end() const { return end_; }
  uint64_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  bool contains(uint64_t id) const { return id - begin_ < end_ - begin_; }

  T& operator[](uint64_t id) { return slots_[id & (slots_.size() - 1)]; }
  const T& operator[](uint64_t id) const { return slots_[id & (slots_.size() - 1)]; }
  T& front() { return (*this)[begin_]; }

  uint64_t push(T value) {
    if (size() == slots_.size()) grow();
    (*this)[end_] = std::move(value);
    return end_++;
  }

  void pop_front() {
    (*this)[begin_] = T{};
    ++begin_;
  }

  void pop_back() {
    --end_;
    (*this)[end_] = T{};
  }

 private:
  void grow() {
    std::vector<T> larger(slots_.size() * 2);
    for (uint64_t id = begin_; id != end_; ++id) {
      larger[id & (larger.size() - 1)] = std::move((*this)[id]);
    }
    slots_ = std::move(larger);
  }

  std::vector<T> slots_;
  uint64_t begin_;
  uint64_t end_;
};

}  // namespace zerosend
