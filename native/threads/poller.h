#pragma once

#include <pthread.h>
#include <sys/epoll.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "core/mutex.h"
#include "core/send_order.h"
#include "kernel/failure.h"
#include "kernel/interface_watch.h"
#include "sockets/socket.h"
#include "threads/alarm.h"

namespace zerosend {

// The thread that waits for idle sockets, one for each JavaScript environment. It sleeps in
// epoll_wait, does what a wake has brought, and calls `notify` once for everything together; then
// it pauses before it arms the sockets again, so that a stream of notifications costs one wake for
// each pause and not one for each notification (three times that was measured to cost a third of
// the throughput).
//
// A socket works for a bounded time at once, and lets go of its lock. One that has more to do goes
// on at once, in turn with the others, and new events are looked for in between.
//
// Protocol of `notify`: whoever puts the first handle on the empty list of news calls, and
// JavaScript takes the whole list. So a list with something on it always has a call under way.
class Poller {
 public:
  // `notify` runs on the poller thread.
  explicit Poller(std::function<void()> notify) : notify_(std::move(notify)) {}
  ~Poller() { stop(); }
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // ---- JavaScript thread ------------------------------------------------------------------------

  // Creates epoll and eventfd, and starts the thread. Does nothing when it already runs.
  Failure start();

  // Ends the thread and waits for it. `notify` is not called afterwards.
  void stop();

  int epoll_fd() const { return epoll_fd_; }

  // The watch of network interfaces, whose messages the thread takes in.
  InterfaceWatch& interfaces() { return interfaces_; }

  // Has `notify` called after `nanoseconds`, in place of the time that was set before; 0 clears it.
  // Starts the thread.
  Failure set_alarm(uint64_t nanoseconds);
  // Whether the alarm has rung since it was asked last.
  bool take_alarm() { return alarm_.take(); }

  // `*handle` becomes the socket's, which is never 0, or 0 where that has failed.
  Failure add(std::shared_ptr<Socket> socket, uint32_t* handle);
  void remove(uint32_t handle);

  // Returns null when the handle is not one of a living socket. Needs no lock, as the next one:
  // this thread alone writes the table. The poller thread holds table_mutex_ when it calls this.
  Socket* find(uint32_t handle) const NO_THREAD_SAFETY_ANALYSIS;
  // Of the socket that foresee() was told of: see SendOrder.
  uint32_t period() const { return send_order_.period(); }
  // A socket sends: has the one that is likely to send next fetched into the cache meanwhile.
  void foresee(uint32_t handle) NO_THREAD_SAFETY_ANALYSIS {
    const uint32_t next = send_order_.follow(handle & kIndexMask);
    if (next == 0 || next >= sockets_.size()) return;
    constexpr size_t kSize = 960, kLine = 64;  // of the largest socket, and of a cache line
    const auto* bytes = reinterpret_cast<const char*>(sockets_[next].get());
    for (size_t at = 0; at < kSize; at += kLine) __builtin_prefetch(bytes + at, 1);
  }
  const std::vector<std::shared_ptr<Socket>>& sockets() const NO_THREAD_SAFETY_ANALYSIS {
    return sockets_;
  }

  // Either thread. The same, held.
  std::shared_ptr<Socket> share(uint32_t handle);

  // Takes all handles with news.
  std::vector<uint32_t> take_ready();

  // Puts a handle back whose records did not fit, and notifies.
  void put_back(uint32_t handle);

 private:
  // A handle is an index and, above it, the generation of the index, so that a stale handle finds
  // nothing instead of another socket. A program may hold a closed socket for any time, and send on
  // it by mistake: an index whose generations are used up is used again only when there is no other
  // left, after 2^32 sockets.
  static constexpr uint32_t kIndexBits = 20;
  static constexpr uint32_t kIndexMask = (1u << kIndexBits) - 1;

  // A socket that has something to do now, and what epoll reported of it.
  struct Work {
    std::shared_ptr<Socket> socket;
    uint32_t events;
  };

  // JavaScript thread.
  void close_descriptors();
  // Poller thread.
  void run();
  void begin(const epoll_event& event);
  void go_on();
  void settle(Work work, Socket::Wake wake);
  void rearm();
  void tell();
  void pause(bool soon);
  void take_interface_news();
  // Either thread. Returns whether a call is due: the list was empty.
  bool add_ready(uint32_t handle);

  const std::function<void()> notify_;
  int epoll_fd_ = -1;
  int wake_fd_ = -1;
  pthread_t thread_{};
  bool running_ = false;
  std::atomic<bool> stopping_{false};

  // Written by the JavaScript thread under the lock; that thread reads without it.
  mutable Mutex table_mutex_;
  std::vector<std::shared_ptr<Socket>> sockets_ GUARDED_BY(table_mutex_){nullptr};  // 0: never used
  std::vector<uint32_t> generations_ GUARDED_BY(table_mutex_){0};
  std::vector<uint32_t> vacant_ GUARDED_BY(table_mutex_);
  std::vector<uint32_t> used_up_ GUARDED_BY(table_mutex_);  // the oldest first

  SendOrder send_order_;  // of the JavaScript thread
  InterfaceWatch interfaces_;
  Alarm alarm_;

  Mutex ready_mutex_;
  std::vector<uint32_t> ready_ GUARDED_BY(ready_mutex_);
  // By place in the table, the socket whose handle is in that list; 0: none. The list is not
  // searched, since many sockets may be in it. A closed socket and the one that has its place now
  // may both be.
  std::vector<uint32_t> listed_ GUARDED_BY(ready_mutex_);

  // The poller thread's own.
  std::vector<Work> unfinished_;
  std::vector<std::shared_ptr<Socket>> to_arm_;
  bool call_due_ = false;
  bool soon_ = false;  // the next pause is to be short
};

}  // namespace zerosend
