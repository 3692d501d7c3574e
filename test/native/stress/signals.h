#pragma once

#include <atomic>
#include <thread>

namespace stress {

// A thread that interrupts the main thread and the poller thread all the time with a signal that
// does nothing, so that system calls end with EINTR wherever they can.
class SignalStorm {
 public:
  void start();
  void stop();
  bool running() const { return thread_.joinable(); }

  // The poller thread blocks all signals; to be called by that thread.
  void let_in_poller();

 private:
  void run();

  std::thread thread_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> main_{0};
  std::atomic<int> poller_{0};  // the latest; sending to one that has ended does nothing
};

}  // namespace stress
