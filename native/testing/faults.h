#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

namespace zerosend {

// The system calls of the table that can be made to fail. close and munmap are not among them: a
// close that fails has closed the descriptor all the same.
#define ZEROSEND_FAULTS(X) \
  X(open)                  \
  X(pread)                 \
  X(pipe2)                 \
  X(socket)                \
  X(bind)                  \
  X(connect)               \
  X(shutdown)              \
  X(setsockopt)            \
  X(getsockopt)            \
  X(sendmmsg)              \
  X(sendto)                \
  X(sendmsg)               \
  X(recvmsg)               \
  X(recv)                  \
  X(epoll_create1)         \
  X(epoll_ctl)             \
  X(epoll_wait)            \
  X(eventfd)               \
  X(timerfd_create)        \
  X(timerfd_settime)       \
  X(ioctl)                 \
  X(mmap)                  \
  X(madvise)               \
  X(remap)                 \
  X(clone_process)

// What is done to a system call: lets `skip` calls pass, then strikes the next `times`; or strikes
// each call with a chance, without end.
struct Step {
  int skip = 0;
  int times = 0;
  uint32_t chance = 0;  // probability of a strike, in 65536ths
  int delay = 0;        // milliseconds to sleep before the call
  int error = 0;        // errno to fail with; 0: the call is made, within `limit`
  // sendto, sendmsg, sendmmsg: the call is made, within `limit`, before it fails with `error`: what
  // the kernel has taken by then stays taken. Of sendmmsg, all messages but the last one of them
  // are accepted.
  bool after = false;
  // sendto: bytes, 0 for a random number of them; sendmmsg: messages; recvmsg: control bytes. For
  // the others 0 leaves the call out and answers 1, as remap and clone_process do when they have
  // succeeded.
  int64_t limit = -1;
  int64_t bytes = -1;  // sendmmsg: of the last message within `limit`
  // The kind of call that is meant, -1 for any: the option of setsockopt and getsockopt, the
  // operation of epoll_ctl, the advice of madvise; of sendto and sendmmsg a flag that must be set.
  int only = -1;
};

// The steps for one system call. A step begins when the one before it is used up. Any thread.
class Fault {
 public:
  struct Counts {
    uint64_t calls = 0;  // calls of the kind that the present step is about
    uint64_t struck = 0;
  };

  void set(std::vector<Step> steps);
  void clear() { set({}); }
  Counts counts();

  // Has to be called once for each call. Returns the step that strikes it, if any.
  std::optional<Step> strike(int kind = -1);
  std::optional<Step> strike_flags(int flags);

 private:
  std::optional<Step> find_strike(bool (*meant)(int only, int kind), int kind);

  std::mutex mutex_;
  std::vector<Step> steps_;
  size_t at_ = 0;
  Counts counts_;
};

#define X(name) extern Fault name##_fault;
ZEROSEND_FAULTS(X)
#undef X

Fault* find_fault(const char* call);
void clear_faults();
void seed_faults(uint32_t seed);
// The next number of the random sequence from which chances are drawn. Any thread.
uint32_t next_random();

}  // namespace zerosend
