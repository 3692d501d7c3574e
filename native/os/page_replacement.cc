#include "os/page_replacement.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "os/syscalls.h"

namespace zerosend {

int replace_mapping(uint8_t* address, size_t length) {
  void* fresh =
      sys.mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (fresh == MAP_FAILED) return errno;
  sys.madvise(fresh, length, MADV_DONTFORK);
  std::memcpy(fresh, address, length);
  if (sys.remap(fresh, length, address) == MAP_FAILED) {
    const int error = errno;
    sys.munmap(fresh, length);
    return error;
  }
  return 0;
}

namespace {

// Has a child get the pages of the span. V8 withholds its own mappings from children
// (MADV_DONTFORK; WebAssembly memories are such), and what a child does not get is not marked.
int pass_to_children(const Span& span) {
  constexpr uintptr_t kPage = 4096;
  const uintptr_t begin = reinterpret_cast<uintptr_t>(span.data) / kPage * kPage;
  const uintptr_t end = reinterpret_cast<uintptr_t>(span.data) + span.length;
  return sys.madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DOFORK) == 0 ? 0 : errno;
}

// Whether a line of /proc/self/maps is about memory that is never copied on write. proc(5).
bool is_never_copied(const char* permissions, const char* path) {
  return permissions[3] == 's' || std::strstr(path, "hugepage") != nullptr ||
         std::strstr(path, "/hugetlb") != nullptr;
}

bool any_never_copied(const std::vector<Span>& spans) {
  std::FILE* maps = std::fopen("/proc/self/maps", "re");
  if (maps == nullptr) return true;  // not known, so not promised
  char line[512];
  bool found = false;
  while (!found && std::fgets(line, sizeof line, maps) != nullptr) {
    unsigned long begin = 0;
    unsigned long end = 0;
    char permissions[5] = "";
    if (std::sscanf(line, "%lx-%lx %4s", &begin, &end, permissions) != 3) continue;
    if (!is_never_copied(permissions, line)) continue;
    for (const Span& span : spans) {
      const auto start = reinterpret_cast<unsigned long>(span.data);
      found = found || (start < end && start + span.length > begin);
    }
  }
  std::fclose(maps);
  return found;
}

}  // namespace

int break_sharing_with_kernel() {
  // The raw call: no fork handlers, no signal at exit (libuv would look for its own children), and
  // nothing runs in the child but its exit. Every signal is blocked, or the child could run a
  // handler of the parent's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const long child = sys.clone_process();
  if (child == 0) {
    ::syscall(SYS_exit_group, 0L);
    __builtin_unreachable();
  }
  int error = child < 0 ? errno : 0;
  if (child > 0) {
    while (::waitpid(static_cast<pid_t>(child), nullptr, __WALL) < 0) {
      if (errno != EINTR) {
        error = errno == ECHILD ? 0 : errno;
        break;
      }
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return error;
}

int part_spans_from_kernel(const std::vector<Span>& spans) {
  if (any_never_copied(spans)) return EOPNOTSUPP;
  for (const Span& span : spans) {
    if (const int error = pass_to_children(span)) return error;
  }
  return break_sharing_with_kernel();
}

}  // namespace zerosend
