#pragma once

#include <atomic>
#include <cstdint>

namespace zerosend {

// The calls of the seam that can be made to fail. close and munmap are not among them: a close that
// fails has closed all the same.
#define ZEROSEND_FAULTS(X) \
  X(socket)                \
  X(bind)                  \
  X(connect)               \
  X(shutdown)              \
  X(setsockopt)            \
  X(getsockopt)            \
  X(sendmsg)               \
  X(sendmmsg)              \
  X(sendto)                \
  X(recvmsg)               \
  X(recv)                  \
  X(epoll_create1)         \
  X(epoll_ctl)             \
  X(epoll_wait)            \
  X(eventfd)               \
  X(mmap)                  \
  X(madvise)               \
  X(remap)                 \
  X(clone_process)

// What to do to one call. Read and counted down by whichever thread makes the call.
struct Fault {
  std::atomic<int> skip{0};         // calls to let pass first
  std::atomic<int> times{0};        // then so many are struck
  std::atomic<uint32_t> chance{0};  // or: each with this chance in 65536
  std::atomic<int> error{0};        // errno to fail with; 0: the call is made, within `limit`
  // sendmsg: bytes; sendmmsg: messages; recvmsg: control bytes. For the others 0 leaves the call
  // out and answers 1, as remap and clone_process do when they have succeeded.
  std::atomic<int64_t> limit{-1};
  std::atomic<uint64_t> calls{0};
  std::atomic<uint64_t> struck{0};

  void clear();
  bool strikes();
};

Fault* find_fault(const char* call);
void clear_faults();
void seed_faults(uint32_t seed);

// Added to the kernel ids that recvmsg reports, so that a socket whose ledger starts elsewhere than
// at 0 meets the ids it expects.
void set_kernel_id_bias(uint32_t bias);

// Puts the wrappers into the table of system calls. Before any other thread runs.
void install_faults();

}  // namespace zerosend
