#pragma once

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

namespace zerosend {

namespace raw {

// mremap(2) takes variable arguments, which a table of pointers cannot.
inline void* remap(void* from, size_t size, void* to) {
  return ::mremap(from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to);
}

// clone(2) as a fork without the C library's handlers and without a signal at exit.
inline long clone_process() { return ::syscall(SYS_clone, 0L, nullptr, nullptr, nullptr, nullptr); }

}  // namespace raw

// The one seam between this library and the kernel. In the shipped addon the table is constant and
// every call through it is direct; the test build replaces entries to inject errors.
struct Syscalls {
  int (*socket)(int, int, int) = ::socket;
  int (*bind)(int, const sockaddr*, socklen_t) = ::bind;
  int (*connect)(int, const sockaddr*, socklen_t) = ::connect;
  int (*shutdown)(int, int) = ::shutdown;
  int (*close)(int) = ::close;
  int (*setsockopt)(int, int, int, const void*, socklen_t) = ::setsockopt;
  int (*getsockopt)(int, int, int, void*, socklen_t*) = ::getsockopt;
  ssize_t (*sendmsg)(int, const msghdr*, int) = ::sendmsg;
  int (*sendmmsg)(int, mmsghdr*, unsigned, int) = ::sendmmsg;
  ssize_t (*sendto)(int, const void*, size_t, int, const sockaddr*, socklen_t) = ::sendto;
  ssize_t (*recvmsg)(int, msghdr*, int) = ::recvmsg;
  ssize_t (*recv)(int, void*, size_t, int) = ::recv;
  int (*epoll_create1)(int) = ::epoll_create1;
  int (*epoll_ctl)(int, int, int, epoll_event*) = ::epoll_ctl;
  int (*epoll_wait)(int, epoll_event*, int, int) = ::epoll_wait;
  int (*eventfd)(unsigned, int) = ::eventfd;
  void* (*mmap)(void*, size_t, int, int, int, off_t) = ::mmap;
  int (*munmap)(void*, size_t) = ::munmap;
  int (*madvise)(void*, size_t, int) = ::madvise;
  void* (*remap)(void*, size_t, void*) = raw::remap;
  long (*clone_process)() = raw::clone_process;
};

#ifdef ZEROSEND_TEST_HOOKS
extern Syscalls sys;  // written before any other thread runs, and by relaxed tests only
#else
inline constexpr Syscalls sys{};
#endif

}  // namespace zerosend
