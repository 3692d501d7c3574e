#include "os/page_replacement.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
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

}  // namespace zerosend
