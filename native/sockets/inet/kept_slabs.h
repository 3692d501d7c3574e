#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "kernel/slab.h"

namespace zerosend {

// The slabs that a socket keeps mapped for as long as sends from them are in flight.
class KeptSlabs {
 public:
  // Keeps the slab of the next `sends` sends, of which the first will have the id `next`. The slab
  // is held once, and not by each send: two atomic operations for each would be a tenth of what a
  // send costs in user space. Returns false for memory that only the socket which shares it with
  // the kernel may send from.
  bool keep(Slab* slab, size_t sends, uint64_t next) {
    if (slab == nullptr) return true;
    if (slab->shared_with_kernel()) return false;
    hold(slab, sends, next);
    return true;
  }

  // The same of any memory, whoever may send from it.
  void hold(Slab* slab, size_t sends, uint64_t next) {
    if (slab != last_) keep_new(slab, sends, next);
  }

  // Sends have stopped for now: the next one will have the id `next`, and all before `oldest` have
  // completed.
  void rest(uint64_t next, uint64_t oldest);

  // Releases slabs from which no send is in flight: all sends before `oldest` have completed.
  void let_go(uint64_t oldest);

  // Returns whether there may be slabs that are not needed any more.
  bool several() const { return kept_.size() > 1; }

 private:
  // A slab, and the id before which all sends from it are; kInUse while more may come.
  struct Kept {
    std::shared_ptr<Slab> slab;
    uint64_t until;
  };
  static constexpr uint64_t kInUse = UINT64_MAX;

  void keep_new(Slab* slab, size_t sends, uint64_t next);

  std::vector<Kept> kept_;
  Slab* last_ = nullptr;  // one of them: the next send is likely to be from it
};

}  // namespace zerosend
