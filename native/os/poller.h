#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "os/socket.h"

namespace zerosend {

// The thread that waits for idle sockets, one for each JavaScript environment. It sleeps in
// epoll_wait, does all that a wake has brought, and calls `notify` once for everything together;
// then it pauses before it arms the sockets again, so that a stream of notifications costs one wake
// for each pause and not one for each notification (three times that was measured to cost a third
// of the throughput).
//
// Protocol of `notify`: the thread puts the handle on the ready list and then sets the flag, and
// calls only if it was clear; JavaScript clears the flag and then takes the list. In the other
// order news that arrives in between would sit on the list with nobody called.
class Poller {
 public:
  // `notify` runs on the poller thread.
  explicit Poller(std::function<void()> notify) : notify_(std::move(notify)) {}
  ~Poller() { stop(); }
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // ---- JavaScript thread ------------------------------------------------------------------------

  // Creates epoll and eventfd, and starts the thread. Does nothing when it already runs. Returns 0
  // or an errno, and which call it came from.
  int start(const char** syscall);

  // Ends the thread and waits for it. `notify` is not called afterwards.
  void stop();

  int epoll_fd() const { return epoll_fd_; }

  // Returns the socket's handle, never 0, or 0 with an errno in `*error`.
  uint32_t add(std::shared_ptr<Socket> socket, int* error);
  void remove(uint32_t handle);

  // Null when the handle is not one of a living socket.
  Socket* find(uint32_t handle) const;
  const std::vector<std::shared_ptr<Socket>>& sockets() const { return sockets_; }

  // Clears the flag, then takes the handles with news.
  std::vector<uint32_t> take_ready();

  // Puts a handle back whose records did not fit, and notifies.
  void put_back(uint32_t handle);

 private:
  // A handle is an index and, above it, the generation of the index, so that a stale handle finds
  // nothing instead of another socket.
  static constexpr uint32_t kIndexBits = 20;
  static constexpr uint32_t kIndexMask = (1u << kIndexBits) - 1;

  // JavaScript thread.
  void close_descriptors();
  // Poller thread.
  void run();
  void pause(bool soon);
  std::shared_ptr<Socket> share(uint32_t handle);
  // Either thread.
  void add_ready(uint32_t handle);

  const std::function<void()> notify_;
  int epoll_fd_ = -1;
  int wake_fd_ = -1;
  pthread_t thread_{};
  bool running_ = false;
  std::atomic<bool> stopping_{false};

  // Written by the JavaScript thread under table_mutex_; that thread reads without it.
  mutable std::mutex table_mutex_;
  std::vector<std::shared_ptr<Socket>> sockets_{nullptr};  // index 0 is never used
  std::vector<uint32_t> generations_{0};
  std::vector<uint32_t> vacant_;

  std::mutex ready_mutex_;
  std::vector<uint32_t> ready_;  // under ready_mutex_
  std::atomic<bool> notified_{false};
};

}  // namespace zerosend
