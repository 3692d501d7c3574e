#pragma once

#include <cstddef>

namespace zerosend {

// Bounds how many mappings the replacement of pages adds to the process, over all threads. A slot
// with pages of its own is a mapping of its own, and a process that has vm.max_map_count of them
// (Documentation/admin-guide/sysctl/vm.rst; 65,530 by default) can map no more: V8 ends it. So a
// quarter of that number is the budget.
class MappingBudget {
 public:
  // Takes `mappings` from the budget; a negative number gives some back. Returns false, and takes
  // nothing, when there are not as many left. Any thread.
  static bool take(std::ptrdiff_t mappings);
};

}  // namespace zerosend
