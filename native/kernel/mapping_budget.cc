#include "kernel/mapping_budget.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>

#include "kernel/syscalls.h"

namespace zerosend {
namespace {

constexpr std::ptrdiff_t kDefaultCount = 65530;  // DEFAULT_MAX_MAP_COUNT of include/linux/mm.h
constexpr std::ptrdiff_t kShare = 4;

std::atomic<std::ptrdiff_t> in_use{0};

// The limit is read each time: it can be changed while the process runs, and memory is given up
// rarely.
std::ptrdiff_t allowed() {
  const int fd = sys.open("/proc/sys/vm/max_map_count", O_RDONLY);
  char text[32] = "";
  const ssize_t size = fd < 0 ? 0 : ::read(fd, text, sizeof text - 1);
  if (fd >= 0) sys.close(fd);
  return (size > 0 ? std::strtol(text, nullptr, 10) : kDefaultCount) / kShare;
}

}  // namespace

bool MappingBudget::take(std::ptrdiff_t mappings) {
  const std::ptrdiff_t after = in_use.fetch_add(mappings) + mappings;
  if (mappings <= 0 || after <= allowed()) return true;
  in_use.fetch_sub(mappings);
  return false;
}

}  // namespace zerosend
