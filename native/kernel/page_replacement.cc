#include "kernel/page_replacement.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "kernel/page_size.h"
#include "kernel/syscalls.h"

namespace zerosend {

int replace_mapping(uint8_t* address, size_t length) {
  void* fresh =
      sys.mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (fresh == MAP_FAILED) return errno;
  const auto give_up = [fresh, length](int error) {
    sys.munmap(fresh, length);
    return error;
  };
  if (sys.madvise(fresh, length, MADV_DONTFORK) != 0) return give_up(errno);
  std::memcpy(fresh, address, length);
  return sys.remap(fresh, length, address) == MAP_FAILED ? give_up(errno) : 0;
}

namespace {

// A mapping, as /proc/self/maps lists it (proc(5)).
struct Mapping {
  PageRange pages;
  bool never_copied;  // on write: a shared mapping, or reserved huge pages
};

bool overlaps(const PageRange& mapping, const std::vector<PageRange>& pages) {
  const auto next = std::partition_point(pages.begin(), pages.end(), [&](const PageRange& range) {
    return range.end <= mapping.begin;
  });
  return next != pages.end() && next->begin < mapping.end;
}

// Finds the mappings in which the pages lie. Returns 0 or an errno.
int find_mappings(const std::vector<PageRange>& pages, std::vector<Mapping>* found) {
  const int fd = sys.open("/proc/self/maps", O_RDONLY);
  if (fd < 0) return errno;
  std::FILE* maps = ::fdopen(fd, "r");
  if (maps == nullptr) {
    sys.close(fd);
    return ENOMEM;
  }
  char line[512];
  while (std::fgets(line, sizeof line, maps) != nullptr) {
    PageRange mapping{};
    char permissions[5] = "";
    if (std::sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &mapping.begin, &mapping.end,
                    permissions) != 3) {
      continue;  // the rest of a long line
    }
    if (!overlaps(mapping, pages)) continue;
    const bool huge =
        std::strstr(line, "hugepage") != nullptr || std::strstr(line, "/hugetlb") != nullptr;
    found->push_back({mapping, permissions[3] == 's' || huge});
  }
  std::fclose(maps);
  return 0;
}

int advise_fork(const PageRange& pages) {
  auto* const begin = reinterpret_cast<void*>(pages.begin);
  return sys.madvise(begin, pages.end - pages.begin, MADV_DOFORK) == 0 ? 0 : errno;
}

// Lets a child process get the pages. V8 withholds some of its mappings from children
// (MADV_DONTFORK, for instance on WebAssembly memories), and pages that a child does not get are
// not marked copy-on-write.
int pass_to_children(const std::vector<PageRange>& pages) {
  std::vector<Mapping> mappings;
  if (const int error = find_mappings(pages, &mappings)) return error;
  for (const Mapping& mapping : mappings) {
    if (mapping.never_copied) return EOPNOTSUPP;
  }
  // Whole mappings are advised: advice for a part of a mapping would split it into three.
  for (const Mapping& mapping : mappings) {
    if (const int error = advise_fork(mapping.pages)) return error;
  }
  return 0;
}

// Runs in the child, which shares nothing with its parent but the descriptors. Waits for a byte, or
// for the end of the parent. Makes raw system calls only: locks that other threads of the parent
// held at the time of the clone stay locked here for ever. Keeps no other descriptor where it can
// (since Linux 5.9): children of several threads have the writing ends of each other's pipes, and
// when the parent is killed each would wait for ever, with all of its sockets.
[[noreturn]] void wait_and_exit(const int* ends) {
  constexpr long kCloseRange = 436;  // SYS_close_range, which older headers do not have
  char byte;
  ::syscall(SYS_close, ends[1]);
  if (ends[0] > 0) ::syscall(kCloseRange, 0L, static_cast<long>(ends[0]) - 1, 0L);
  ::syscall(kCloseRange, static_cast<long>(ends[0]) + 1, static_cast<long>(~0u), 0L);
  ::syscall(SYS_read, ends[0], &byte, 1L);
  ::syscall(SYS_exit_group, 0L);
  __builtin_unreachable();
}

// Clones the process, and calls `check` while the child exists. Returns its errno, or that of the
// call that failed.
template <class Check>
int with_child(Check&& check) {
  int ends[2];
  if (sys.pipe2(ends, O_CLOEXEC) != 0) return errno;
  // The raw call runs no fork handlers, and sends no signal when the child exits (libuv would look
  // for its own children). The child runs nothing but the wait and its exit. All signals are
  // blocked, or it could run a handler of the parent's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const long child = sys.clone_process();
  if (child == 0) wait_and_exit(ends);
  int error = child < 0 ? errno : 0;
  if (child > 0) {
    error = check();
    // The reading end is open in this process too, so there is no SIGPIPE. The child is ended by a
    // byte and not by closing the pipe, since children that other threads clone at the same time
    // hold the writing end as well.
    while (::write(ends[1], "", 1) < 0 && errno == EINTR) {
    }
    while (::waitpid(static_cast<pid_t>(child), nullptr, __WALL) < 0) {
      if (errno == EINTR) continue;
      // ECHILD is no error: where SIGCHLD is ignored, the child is reaped by the kernel
      if (errno != ECHILD) error = errno;
      break;
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  sys.close(ends[0]);
  sys.close(ends[1]);
  return error;
}

}  // namespace

int part_spans_from_kernel(const std::vector<Span>& spans) {
  const std::vector<PageRange> pages = pages_of(spans);
  if (const int error = pass_to_children(pages)) return error;
  const PageSharing sharing(pages);
  // Other data of the heap shares these pages. If another thread writes to such data while the
  // child exists, the page is copied and no longer shared, which looks as if it had not been
  // marked. So the check is repeated with a new child.
  constexpr int kChildren = 4;
  int error = EOPNOTSUPP;
  for (int child = 0; child < kChildren && error == EOPNOTSUPP; ++child) {
    error = with_child([&sharing] { return sharing.all_shared() ? 0 : EOPNOTSUPP; });
  }
  return error;
}

}  // namespace zerosend
