#include "kernel/page_replacement.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "harness.h"
#include "memory.h"
#include "seam.h"

using harness::all_are;
using harness::FailNext;
using harness::kPage;
using harness::Reader;
using zerosend::part_spans_from_kernel;
using zerosend::replace_mapping;
using zerosend::sys;
using zerosend::Syscalls;

namespace {

// Pages of our own, apart from everything that the allocator owns.
class Pages {
 public:
  explicit Pages(size_t count) : length_(count * kPage) {
    data_ = static_cast<uint8_t*>(
        ::mmap(nullptr, length_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  }
  ~Pages() { ::munmap(data_, length_); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  uint8_t* data() const { return data_; }
  size_t length() const { return length_; }
  void fill(uint8_t value) { std::memset(data_, value, length_); }

 private:
  uint8_t* data_;
  size_t length_;
};

std::atomic<int> child_signals{0};

class WatchChildSignals {
 public:
  WatchChildSignals() {
    child_signals = 0;
    struct sigaction action{};
    action.sa_handler = [](int) { ++child_signals; };
    ::sigaction(SIGCHLD, &action, &before_);
  }
  ~WatchChildSignals() { ::sigaction(SIGCHLD, &before_, nullptr); }

 private:
  struct sigaction before_{};
};

}  // namespace

// The control of the tests below: without a replacement the kernel reads what is written later.
TEST(pages_in_flight_change_under_the_kernel) {
  Pages pages(4);
  pages.fill(1);
  Reader kernel;
  kernel.hold(pages.data(), pages.length());
  pages.fill(2);
  CHECK(kernel.sees_only(2));
}

TEST(replace_mapping_parts_memory_from_the_kernel) {
  Pages pages(4);
  pages.fill(1);
  Reader kernel;
  kernel.hold(pages.data(), pages.length());
  CHECK_EQ(replace_mapping(pages.data(), pages.length()), 0);
  CHECK(all_are(pages.data(), pages.length(), 1));
  pages.fill(2);
  CHECK(all_are(pages.data(), pages.length(), 2));
  CHECK(kernel.sees_only(1));
}

TEST(replace_mapping_leaves_the_pages_around_it_alone) {
  Pages pages(5);
  for (uint8_t i = 0; i < 5; ++i) std::memset(pages.data() + i * kPage, i, kPage);
  Reader before;
  before.hold(pages.data() + kPage, kPage);
  CHECK_EQ(replace_mapping(pages.data() + 2 * kPage, kPage), 0);
  for (uint8_t i = 0; i < 5; ++i) CHECK(all_are(pages.data() + i * kPage, kPage, i));
  // The neighbour is still the very page that the kernel holds.
  std::memset(pages.data() + kPage, 9, kPage);
  CHECK(before.sees_only(9));
}

TEST(replace_mapping_leaves_no_mapping_behind) {
  Pages pages(16);
  pages.fill(3);
  CHECK_EQ(replace_mapping(pages.data(), pages.length()), 0);
  const size_t before = harness::count_mappings();
  for (int i = 0; i < 1000; ++i) CHECK_EQ(replace_mapping(pages.data(), pages.length()), 0);
  CHECK(harness::count_mappings() <= before + harness::kStrayMappings);
  CHECK(all_are(pages.data(), pages.length(), 3));
}

TEST(replace_mapping_says_what_failed_and_changes_nothing) {
  Pages pages(2);
  pages.fill(4);
  Reader kernel;
  kernel.hold(pages.data(), pages.length());
  {
    const FailNext fail(&Syscalls::mmap, ENOMEM);
    CHECK_EQ(replace_mapping(pages.data(), pages.length()), ENOMEM);
  }
  const size_t mappings = harness::count_mappings();
  for (int i = 0; i < 100; ++i) {
    const FailNext fail(&Syscalls::remap, EAGAIN);
    CHECK_EQ(replace_mapping(pages.data(), pages.length()), EAGAIN);
  }
  CHECK(harness::count_mappings() <= mappings + harness::kStrayMappings);
  pages.fill(5);
  CHECK(kernel.sees_only(5));  // still the same pages: such memory must never be used again
}

// Parts one page that the kernel does not hold: a child process is made and ends.
int part_some_memory() {
  const Pages pages(1);
  return part_spans_from_kernel({{pages.data(), 1}});
}

TEST(part_spans_parts_all_memory_from_the_kernel) {
  // From the allocator, in pages with other data, as a plain array in a heap is. A byte of each
  // page is read, also before and behind the array, where valgrind allows only what has been
  // allocated.
  std::vector<uint8_t> plain(5 * kPage, 1);
  uint8_t* const array = plain.data() + kPage + 100;
  Pages pages(2);
  pages.fill(1);
  Reader kernel[2];
  kernel[0].hold(array, 2 * kPage);
  kernel[1].hold(pages.data(), pages.length());
  CHECK_EQ(part_spans_from_kernel({{array, 2 * kPage}, {pages.data(), pages.length()}}), 0);
  CHECK(all_are(plain.data(), plain.size(), 1));
  std::memset(plain.data(), 2, plain.size());
  pages.fill(2);
  CHECK(kernel[0].sees_only(1));
  CHECK(kernel[1].sees_only(1));
  CHECK(all_are(plain.data(), plain.size(), 2));
}

TEST(part_spans_leaves_no_child_and_no_signal) {
  const WatchChildSignals watch;
  for (int i = 0; i < 5; ++i) CHECK_EQ(part_some_memory(), 0);
  CHECK_EQ(child_signals.load(), 0);
  CHECK_EQ(::waitpid(-1, nullptr, __WALL | WNOHANG), -1);
  CHECK_EQ(errno, ECHILD);
}

// With the pipes of other threads, children would keep each other waiting after the parent's death.
TEST(part_spans_leaves_its_child_no_descriptor_but_one) {
  if (::syscall(436, 1 << 20, 1 << 20, 0) != 0) return;  // close_range(2): Linux 5.9
  static pid_t child;
  static std::ptrdiff_t left;
  child = 0;
  left = 0;
  const Syscalls before = sys;
  sys.clone_process = [] {
    const long id = Syscalls{}.clone_process();
    if (id > 0) child = static_cast<pid_t>(id);
    return id;
  };
  sys.pread = [](int fd, void* out, size_t size, off_t offset) {
    const std::filesystem::path open = "/proc/" + std::to_string(child) + "/fd";
    for (int i = 0; i < 2000 && child != 0 && left != 1; ++i) {
      left = std::distance(std::filesystem::directory_iterator(open), {});
      if (left != 1) ::usleep(1000);
    }
    return ::pread(fd, out, size, offset);
  };
  CHECK_EQ(part_some_memory(), 0);
  sys = before;
  CHECK_EQ(left, 1);
}

TEST(part_spans_takes_no_child_of_anybody_else) {
  const pid_t other = ::fork();
  if (other == 0) ::_exit(7);
  siginfo_t ended{};
  CHECK_EQ(::waitid(P_PID, static_cast<id_t>(other), &ended, WEXITED | WNOWAIT), 0);
  CHECK_EQ(part_some_memory(), 0);
  int status = 0;
  CHECK_EQ(::waitpid(other, &status, WNOHANG), other);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

TEST(part_spans_works_where_children_are_ignored) {
  struct sigaction before{};
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGCHLD, &ignore, &before);
  CHECK_EQ(part_some_memory(), 0);
  ::sigaction(SIGCHLD, &before, nullptr);
  CHECK_EQ(::waitpid(-1, nullptr, __WALL | WNOHANG), -1);
  CHECK_EQ(errno, ECHILD);
}

TEST(part_spans_restores_the_signal_mask) {
  sigset_t mine;
  sigset_t before;
  sigset_t after;
  sigemptyset(&mine);
  sigaddset(&mine, SIGUSR2);
  ::pthread_sigmask(SIG_SETMASK, &mine, &before);
  for (const int error : {0, EAGAIN}) {
    const FailNext fail(&Syscalls::clone_process, error);
    CHECK_EQ(part_some_memory(), error);
    ::pthread_sigmask(SIG_SETMASK, nullptr, &after);
    for (int signal = 1; signal < 32; ++signal) {
      CHECK_EQ(sigismember(&after, signal), sigismember(&mine, signal));
    }
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(part_spans_is_safe_while_other_threads_write) {
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> wrong{0};
  std::vector<std::thread> threads;
  for (uint8_t id = 1; id <= 2; ++id) {
    threads.emplace_back([&stop, &wrong, id] {
      for (uint32_t round = 0; !stop; ++round) {
        std::vector<uint8_t> bytes(64 * kPage, static_cast<uint8_t>(round + id));
        if (!all_are(bytes.data(), bytes.size(), static_cast<uint8_t>(round + id))) ++wrong;
      }
    });
  }
  for (int i = 0; i < 10; ++i) CHECK_EQ(part_some_memory(), 0);
  stop = true;
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(wrong.load(), 0u);
}

// V8 withholds memory of its own from children, and what they do not get cannot be marked.
TEST(part_spans_reaches_memory_that_children_do_not_get) {
  Pages pages(4);
  pages.fill(1);
  CHECK_EQ(::madvise(pages.data(), pages.length(), MADV_DONTFORK), 0);
  {
    Reader kernel;
    kernel.hold(pages.data(), pages.length());
    CHECK_EQ(part_some_memory(), 0);
    pages.fill(2);
    CHECK(kernel.sees_only(2));  // a child alone did nothing for them
  }
  Reader kernel;
  kernel.hold(pages.data(), pages.length());
  // Two pieces that begin and end within pages.
  const uint8_t* data = pages.data();
  CHECK_EQ(part_spans_from_kernel({{data + 10, kPage}, {data + 2 * kPage + 1, 2 * kPage - 1}}), 0);
  pages.fill(3);
  CHECK(kernel.sees_only(2));
}

TEST(part_spans_refuses_memory_that_is_never_copied) {
  Pages plain(1);
  auto* shared = static_cast<uint8_t*>(
      ::mmap(nullptr, 3 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  REQUIRE(shared != MAP_FAILED);
  CHECK_EQ(part_spans_from_kernel({{plain.data(), 10}, {shared + kPage, 1}}), EOPNOTSUPP);
  CHECK_EQ(part_spans_from_kernel({{shared + 3 * kPage - 1, 1}}), EOPNOTSUPP);
  CHECK_EQ(part_spans_from_kernel({{plain.data(), 10}}), 0);
  ::munmap(shared, 3 * kPage);
}

TEST(part_spans_says_what_failed) {
  Pages pages(1);
  {
    const FailNext fail(&Syscalls::madvise, ENOMEM);
    CHECK_EQ(part_spans_from_kernel({{pages.data(), 1}}), ENOMEM);
  }
  const FailNext fail(&Syscalls::clone_process, EAGAIN);
  CHECK_EQ(part_spans_from_kernel({{pages.data(), 1}}), EAGAIN);
}
