#pragma once

#include <pthread.h>
#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "core/mutex.h"
#include "core/shared_words.h"
#include "kernel/failure.h"
#include "kernel/slab.h"
#include "sockets/channel.h"
#include "sockets/socket.h"
#include "sockets/stream.h"

namespace zerosend {

// The thread that hands over what JavaScript publishes, one for each JavaScript environment. It
// plays JavaScript's part for the sockets that it serves: it sends, reads completions while it is
// awake, and arms them before it sleeps, so that the poller thread takes over.
//
// The lock of the intake is held while descriptors are moved from the ring to the channels, and for
// no system call. With it held no other lock is taken but those of channels.
class Submitter {
 public:
  // `notify` has JavaScript look at the stream. It is called on any thread.
  explicit Submitter(std::function<void()> notify) : notify_(std::move(notify)) {}
  ~Submitter() { stop(); }
  Submitter(const Submitter&) = delete;
  Submitter& operator=(const Submitter&) = delete;

  // ---- JavaScript thread ------------------------------------------------------------------------

  // Starts the thread, which spins for so long before it sleeps. Does nothing when it runs. The
  // memory must stay until stop() has returned.
  Failure start(SharedRings* shared, uint64_t spin_nanoseconds);
  bool running() const { return running_; }

  // Hands over what was published, for a second at most, ends the thread and waits for it. Does so
  // by itself when the process ends by exit(3), as by process.exit(), which no environment hears
  // of.
  void stop();

  // From now on the socket sends by the ring.
  void add(uint32_t handle, std::shared_ptr<Socket> socket, SharedCells& cells, uint64_t next_id);
  void remove(uint32_t handle);

  // The memory that descriptors name. Before it goes, those that name it are taken in.
  void set_slab(uint32_t handle, std::shared_ptr<Slab> slab);
  void drop_slab(uint32_t handle);

  // Moves what was published into the channels.
  void take_in();
  // The same; and the thread is to look after this socket.
  void call_for(uint32_t handle);
  // JavaScript has found the thread asleep.
  void wake();
  // JavaScript runs on this processor at the moment.
  void note_processor();
  // Takes the sockets whose records have found no room in the stream.
  std::vector<uint32_t> take_backlog() {
    return stream_ ? stream_->take_backlog() : std::vector<uint32_t>();
  }
  // Points `sources` at what is written in so many lines and not published; returns how many sends
  // these are.
  size_t written(uint32_t lines, std::vector<Source>* sources);
  // Sends of a socket that are with neither the ring nor the kernel.
  size_t depth(uint32_t handle);

  struct Figures {
    uint64_t sleeps = 0;
    uint64_t wakes = 0;  // by JavaScript, or for a socket that it asked about
    uint64_t spun = 0;   // nanoseconds
  };
  Figures figures() const {
    return {sleeps_.load(std::memory_order_relaxed), wakes_.load(std::memory_order_relaxed),
            spun_.load(std::memory_order_relaxed)};
  }

 private:
  // A socket that is served.
  struct Client {
    std::shared_ptr<Socket> socket;
    std::shared_ptr<Channel> channel;
    bool called = false;     // on `called_`; under the lock of the intake
    bool active = false;     // on `active_`
    int64_t credit = 0;      // bytes that it may hand over
    uint64_t last_work = 0;  // nanoseconds of the clock
  };
  using Shared = std::shared_ptr<Client>;

  // Any thread.
  bool empty_ring() REQUIRES(intake_);
  uint32_t take_line(const uint32_t* line, Client* client) REQUIRES(intake_);
  void take_run(const uint32_t* line, Client& client) REQUIRES(intake_);
  bool read_run(const uint32_t* line, uint32_t i, Source* source) REQUIRES(intake_);
  bool resolve(uint32_t slab, uint32_t slot, uint32_t length, Source* source) REQUIRES(intake_);
  void call(Client& client) REQUIRES(intake_);
  Client* find(uint32_t handle) REQUIRES(intake_);

  static void stop_at_exit();

  // Submission thread.
  void run();
  bool listen();
  bool serve(uint64_t now);
  void look_back(uint64_t now);
  void sleep();
  bool in_the_way() const;
  void step_aside(uint64_t now);
  void finish();

  const std::function<void()> notify_;
  SharedRings* shared_ = nullptr;
  std::unique_ptr<Stream> stream_;
  uint64_t spin_ = 0;
  pthread_t thread_{};
  pthread_t owner_{};  // JavaScript's
  pid_t process_ = 0;  // that has the thread
  bool running_ = false;
  std::atomic<bool> stopping_{false};
  std::atomic<int> processor_{-1};  // on which JavaScript was last seen to run; -1: unknown
  std::atomic<uint32_t> calls_{0};  // times that somebody was put on called_
  std::atomic<uint64_t> sleeps_{0};
  std::atomic<uint64_t> wakes_{0};
  std::atomic<uint64_t> spun_{0};

  Mutex intake_;
  uint32_t head_ GUARDED_BY(intake_) = 0;
  std::unordered_map<uint32_t, Shared> clients_ GUARDED_BY(intake_);
  std::vector<std::shared_ptr<Slab>> slabs_ GUARDED_BY(intake_);
  std::vector<Shared> called_ GUARDED_BY(intake_);

  // The submission thread's own.
  std::vector<Shared> active_;
  uint64_t aside_at_ = 0;  // when it last left a processor to JavaScript
};

}  // namespace zerosend
