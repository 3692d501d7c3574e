#include "signals.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <csignal>
#include <initializer_list>

namespace stress {
namespace {

int thread_id() { return static_cast<int>(::syscall(SYS_gettid)); }

void nothing(int) {}

sigset_t just_ours() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  return set;
}

}  // namespace

void SignalStorm::start() {
  struct sigaction action{};
  action.sa_handler = nothing;  // and no SA_RESTART
  ::sigaction(SIGUSR1, &action, nullptr);
  main_ = thread_id();
  thread_ = std::thread([this] { run(); });
}

void SignalStorm::stop() {
  if (!running()) return;
  stopping_ = true;
  thread_.join();
}

void SignalStorm::let_in_poller() {
  thread_local bool done = false;
  if (done) return;
  done = true;
  const sigset_t set = just_ours();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  poller_ = thread_id();
}

void SignalStorm::run() {
  const sigset_t set = just_ours();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  const int process = ::getpid();
  while (!stopping_) {
    for (const int thread : {main_.load(), poller_.load()}) {
      if (thread != 0) ::syscall(SYS_tgkill, process, thread, SIGUSR1);
    }
    const timespec pause{0, 50'000};
    ::nanosleep(&pause, nullptr);
  }
}

}  // namespace stress
