#pragma once

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cstddef>
#include <ctime>

namespace zerosend {

namespace raw {

// mremap(2) takes variable arguments, which a table of pointers cannot.
inline void* remap(void* from, size_t size, void* to) {
  return ::mremap(from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to);
}

// ioctl(2) takes variable arguments, too.
inline int ioctl(int fd, unsigned long request, void* argument) {
  return ::ioctl(fd, request, argument);
}

// open(2) takes variable arguments, too.
inline int open(const char* path, int flags) { return ::open(path, flags | O_CLOEXEC); }

// Clones the process as fork(2) does, but runs none of the C library's handlers and sends no signal
// at exit.
inline long clone_process() { return ::syscall(SYS_clone, 0L, nullptr, nullptr, nullptr, nullptr); }

// By the system call that Node.js waits with (libuv): a filter of system calls that was made for
// what Node.js does lets it pass, and may deny epoll_wait(2).
inline int epoll_wait(int fd, epoll_event* events, int most, int timeout) {
  return ::epoll_pwait(fd, events, most, timeout, nullptr);
}

// These two are raw system calls, since the C library's functions are cancellation points, which
// costs each call two atomic operations as soon as the process has a second thread.
inline int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  return static_cast<int>(::syscall(SYS_sendmmsg, fd, messages, count, flags));
}
inline ssize_t recvmsg(int fd, msghdr* message, int flags) {
  return ::syscall(SYS_recvmsg, fd, message, flags);
}
inline ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  return ::syscall(SYS_sendmsg, fd, message, flags);
}
inline ssize_t sendto(int fd, const void* data, size_t length, int flags, const sockaddr* to,
                      socklen_t to_length) {
  return ::syscall(SYS_sendto, fd, data, length, flags, to, to_length);
}

}  // namespace raw

// The table of system calls that the library makes and that can fail. In the shipped addon the
// table is constant, so that the compiler makes every call through it a direct one. The builds with
// ZEROSEND_INJECT_FAULTS (the test build of the addon, the C++ tests) define a table of their own
// and replace entries.
struct Syscalls {
  int (*open)(const char*, int) = raw::open;
  ssize_t (*pread)(int, void*, size_t, off_t) = ::pread;
  int (*pipe2)(int*, int) = ::pipe2;
  int (*socket)(int, int, int) = ::socket;
  int (*bind)(int, const sockaddr*, socklen_t) = ::bind;
  int (*connect)(int, const sockaddr*, socklen_t) = ::connect;
  int (*shutdown)(int, int) = ::shutdown;
  int (*close)(int) = ::close;
  int (*setsockopt)(int, int, int, const void*, socklen_t) = ::setsockopt;
  int (*getsockopt)(int, int, int, void*, socklen_t*) = ::getsockopt;
  int (*sendmmsg)(int, mmsghdr*, unsigned, int) = raw::sendmmsg;
  ssize_t (*sendto)(int, const void*, size_t, int, const sockaddr*, socklen_t) = raw::sendto;
  ssize_t (*sendmsg)(int, const msghdr*, int) = raw::sendmsg;
  ssize_t (*recvmsg)(int, msghdr*, int) = raw::recvmsg;
  ssize_t (*recv)(int, void*, size_t, int) = ::recv;
  int (*epoll_create1)(int) = ::epoll_create1;
  int (*epoll_ctl)(int, int, int, epoll_event*) = ::epoll_ctl;
  int (*epoll_wait)(int, epoll_event*, int, int) = raw::epoll_wait;
  int (*eventfd)(unsigned, int) = ::eventfd;
  int (*timerfd_create)(int, int) = ::timerfd_create;
  int (*timerfd_settime)(int, int, const itimerspec*, itimerspec*) = ::timerfd_settime;
  // in the table so that tests can set the time
  int (*clock_gettime)(clockid_t, timespec*) = ::clock_gettime;
  int (*ioctl)(int, unsigned long, void*) = raw::ioctl;
  void* (*mmap)(void*, size_t, int, int, int, off_t) = ::mmap;
  int (*munmap)(void*, size_t) = ::munmap;
  int (*madvise)(void*, size_t, int) = ::madvise;
  void* (*remap)(void*, size_t, void*) = raw::remap;
  long (*clone_process)() = raw::clone_process;
};

#ifdef ZEROSEND_INJECT_FAULTS
extern Syscalls sys;  // must be written before any other thread runs
#else
inline constexpr Syscalls sys{};
#endif

}  // namespace zerosend
