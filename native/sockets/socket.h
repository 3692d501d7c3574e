#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/counters.h"
#include "core/range.h"
#include "core/wanted_mutex.h"
#include "kernel/address.h"
#include "kernel/failure.h"
#include "kernel/timestamping.h"
#include "sockets/news.h"
#include "sockets/request.h"
#include "sockets/socket_state.h"
#include "sockets/watch.h"

namespace zerosend {

class Channel;

// What all sockets have in common: the lock, the life from opening to closing, and ids that
// complete. How data reaches the kernel and how completions come back is the subclass's.
//
// Two threads use a socket, JavaScript's and the poller's, or three: each public method takes the
// lock. (The kernel gives two concurrent sends on one socket the same id when one fails.) Private
// and protected methods run under the lock, on any of them.
//
// Who reaps: while JavaScript sends, it polls inline and the socket is not armed (busy). When it
// goes idle with something outstanding it calls arm(), and the poller thread takes over. Events are
// level-triggered and one-shot, so arming with something to read fires at once: nothing is lost
// between the last inline poll and the arming.
class Socket {
 public:
  virtual ~Socket() = default;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  using State = SocketState;
  using Wake = SocketWake;
  using Handed = SocketHanded;

  // ---- JavaScript thread ------------------------------------------------------------------------

  // Registers with epoll under `handle`.
  Failure attach(uint32_t handle);

  // Sends or queues. Returns 0 when the send was accepted and has the next id; else a negated errno
  // or Refusal, and no id was taken. `*queued` becomes the number of sends that wait for room.
  // `destination` is null for the connected peer. With `prompt`, the answer is kPrompt in place of
  // a record when the kernel has copied all of it. JavaScript makes ranges of these, says whether
  // it would begin one, and asks only while it knows of the end of all sends before.
  int32_t send(const Source& source, const Address* destination, uint32_t* queued,
               Prompt prompt = Prompt::kNo);

  // Does what send() would do for each in turn, with as few system calls as possible. Accepts all
  // or none. A message that the kernel refuses by itself after the first was accepted completes as
  // failed. Where none was accepted, `*queued` becomes the index of the one that could not be, as
  // far as that is known, or 0.
  int32_t send_many(const Source* sources, size_t count, uint32_t* queued,
                    const Destinations& to = {});

  // The same, with neighbouring slots.
  int32_t send_run(const Run& run, uint32_t* queued, const Destinations& to = {});

  // Whether a send may begin anywhere in its slot, and say where it goes. Those of a ring may not.
  virtual bool takes_aim() const { return false; }

  // Sends slots of the socket's own memory as one send, with one id. EOPNOTSUPP: no such socket.
  int32_t send_packet(const Part* parts, size_t count);
  // Does what send() does, with up to kMostExtents; `source` says all but length and memory.
  int32_t send_extents(Source, const Extent*, size_t count, const Address*, uint32_t* queued);
  // Has a ring whose frames wait for one that was given back go past its place. Returns 1 then.
  int32_t skip(uint32_t slot);

  // Sends what is queued and reads completions, now.
  void poll();

  // Does what poll() does, if JavaScript sends and the kernel tells of completions by itself.
  // Returns whether ids have ended of which it has not said so before; `*ended` becomes the range
  // of these, of its record first and last only. Records are left for take().
  bool look_back(Record* ended);

  // Moves up to `max` records to `out`; `*more` says whether some are left.
  size_t take(Record* out, size_t max, bool* more);

  // JavaScript goes idle: the poller thread takes over what is outstanding. Returns whether that
  // failed, so that JavaScript must poll once more: for the news of it, or to try again.
  bool arm();

  // Accepts no more sends. What is queued still goes out; then a TCP connection is shut down for
  // writing, after which completions keep coming until the peer has acknowledged everything.
  void begin_close();

  // Gives up, without waiting: queued sends fail, and what does not complete at once is revoked.
  void abort();

  // The environment ends and nobody will hear of completions any more. What the kernel holds still
  // goes out, from pages that the process no longer writes to; the descriptor is closed. Where
  // plain memory cannot be parted from the kernel, it is cut off and waited for until `deadline`:
  // nobody will be left who could hold on to that memory.
  void abandon(std::chrono::steady_clock::time_point deadline);

  // Takes a last look before close(), when every id has completed. Returns the errno of the error
  // that has ended the socket, also of one that nobody has been told of, or 0.
  int conclude();
  // Closes the descriptor. Every id has completed by then.
  void close();

  // Needs no lock: this thread alone closes it.
  int fd() const NO_THREAD_SAFETY_ANALYSIS { return fd_; }
  // Needs no lock, on any thread: attach() has set it before others know the socket.
  uint32_t handle() const NO_THREAD_SAFETY_ANALYSIS { return watch_.handle(); }

  // Asks the kernel for what can change underneath an open socket without a word to it, for state()
  // and counters(); nothing, by default. Returns whether that has made news to be told.
  virtual bool look_around() { return false; }

  Counters counters();
  State state();

  // Returns a number that grows whenever anything moves on its way: an id completes, the kernel
  // takes some of what is queued, or a TCP peer acknowledges bytes.
  uint64_t progress();

  // ---- submission thread: socket_channel.cc -------------------------------------------------

  // Hands over what is published, up to so many bytes or a little more.
  Handed hand_over(size_t most_bytes);
  // Reads completions; returns whether any may still come.
  bool read_completions();
  // Leaves the socket to the poller thread; returns whether completions have to be read once more.
  bool leave();

  // ---- JavaScript thread, of a socket that has such a thread ------------------------------

  // From now on sends come by the channel, and news goes by its stream.
  void use_channel(std::shared_ptr<Channel> channel);
  // Hands over all that is published; then, with `and_poll`, as poll().
  void hand_over_all(bool and_poll);
  // As send(), behind all that is published. What the kernel refuses takes an id, and fails.
  int32_t send_behind(const Source& source, const Address* destination, uint32_t* queued);
  // Takes no lock. Returns 0, or the errno for one of these, `*index`, that must not be published.
  // `rested`: nothing has been published for a while.
  virtual int check_sources(const Source*, size_t, bool, uint32_t*) { return 0; }
  // Gives the stream what has found no room in it.
  void report_again();

  // ---- poller thread ----------------------------------------------------------------------------

  Wake on_ready(uint32_t events);
  // JavaScript waits for the lock.
  bool is_wanted() const { return mutex_.is_wanted(); }
  SocketRearmed rearm();
  // An interface was removed, this socket's or another. Returns whether there is news of it.
  bool on_interface_gone();

 protected:
  using Lock = WantingLock;      // JavaScript's
  using PollerLock = MutexLock;  // that of the other threads

  Socket(int fd, int epoll_fd, size_t max_queued)
      : max_queued_(max_queued), fd_(fd), watch_(epoll_fd) {}

  // Tells the analysis that the lock is held, in a lambda that others call.
  void assert_locked() const ASSERT_CAPABILITY(mutex_) {}
  // To be called by the destructor of the subclass, whose close hook it needs.
  void close_locked() REQUIRES(mutex_);

  // ---- what a subclass does ---------------------------------------------------------------------

  // These do what send() and send_many() do, when the socket is open and the queue has room.
  // `*done`, unless null, becomes true in place of a record of a send that has completed.
  virtual int32_t do_send(const Source& source, const Address* destination, bool* done)
      REQUIRES(mutex_) = 0;
  virtual int32_t do_send_many(const Source* sources, size_t count, const Destinations& to)
      REQUIRES(mutex_) = 0;
  virtual int32_t do_send_run(const Run& run, const Destinations& to) REQUIRES(mutex_) = 0;
  virtual int32_t do_send_packet(const Part* parts, size_t count) REQUIRES(mutex_);
  virtual int32_t do_send_extents(Source, const Extent*, size_t, const Address*) REQUIRES(mutex_);
  virtual int32_t do_skip(uint32_t) REQUIRES(mutex_) { return 0; }
  // How many sends wait for room.
  virtual size_t queued() const REQUIRES(mutex_) = 0;
  virtual void do_poll() REQUIRES(mutex_) = 0;
  // Whether do_poll() does nothing but read what has come.
  virtual bool may_look_back() const REQUIRES(mutex_) { return false; }
  // Registers what wakes the poller thread for this socket, and has it wake once more. By default
  // that is events of the descriptor itself.
  virtual Failure start_watching() REQUIRES(mutex_);
  virtual Failure arm_watch() REQUIRES(mutex_);
  // Works off what epoll reported, within the budget, and sets `unfinished_` where that was not
  // enough. Not called while JavaScript is busy, unless sends are queued.
  virtual void do_ready(uint32_t events) REQUIRES(mutex_) = 0;
  // EPOLL* bits to wait for; EPOLLERR and EPOLLHUP come without asking.
  virtual uint32_t interest() const REQUIRES(mutex_) { return 0; }
  virtual bool wants_arming() const REQUIRES(mutex_) = 0;
  virtual uint64_t next_id() const REQUIRES(mutex_) = 0;
  // Completes every queued send as failed.
  virtual void fail_queued() REQUIRES(mutex_) = 0;
  // begin_close() was called, or the queue has emptied since.
  virtual void finish_output() REQUIRES(mutex_) {}
  // The first step of abort(): makes the kernel let go, and reads completions once more.
  virtual void cut_off() REQUIRES(mutex_) = 0;
  // The second step: completes all that is left as revoked. Its memory is safe to reuse then, or
  // was reported by note_retired().
  virtual void revoke() REQUIRES(mutex_) = 0;
  // Does what revoke() does when nobody will hear of it: sees to memory that is not unmapped with
  // the process's last view of it. May wait until `deadline`.
  virtual void leave_behind(std::chrono::steady_clock::time_point) REQUIRES(mutex_) {}
  // Sends have stopped for now.
  virtual void rest() REQUIRES(mutex_) {}
  virtual void before_close() REQUIRES(mutex_) {}
  // Fails if the connection has ended.
  virtual void do_conclude() REQUIRES(mutex_) {}
  virtual State do_state() const REQUIRES(mutex_) { return {}; }
  // How many of the next sends may be handed over now; whether one goes by itself.
  virtual size_t room_for(size_t count) REQUIRES(mutex_) { return count; }
  virtual bool is_alone(const Source&) const { return false; }
  // A send takes the next id, and fails.
  virtual void refuse(const Source& source, int error) REQUIRES(mutex_) = 0;
  // What progress() cannot know: bytes that a peer has acknowledged.
  virtual uint64_t do_progress() const REQUIRES(mutex_) { return 0; }
  // Fails if the socket's interface is gone.
  virtual void do_interface_gone() REQUIRES(mutex_) {}

  // ---- what a subclass calls --------------------------------------------------------------------

  bool is_open() const REQUIRES(mutex_) {
    return fd_ >= 0 && !closing_ && !failed_ && !connecting_;
  }
  // `error` says why an id is kFailed: an errno, a Refusal or kGivenUp.
  void complete(uint64_t first, uint64_t last, Outcome outcome, int error = 0) REQUIRES(mutex_) {
    count_completed(last - first + 1, outcome);
    news_.complete(first, last, outcome, error);
  }
  void count_completed(uint64_t count, Outcome outcome) REQUIRES(mutex_) {
    counters_[Counter::completed] += count;
    counters_[kOutcomeCounters[static_cast<size_t>(outcome)]] += count;
  }
  void complete(uint64_t id, Outcome outcome, int error = 0) REQUIRES(mutex_) {
    complete(id, id, outcome, error);
  }
  // Why what has not been sent will not be, once the socket has failed or is given up.
  int reason() const REQUIRES(mutex_) { return failure_ != 0 ? failure_ : kGivenUp; }
  int reason_of(Outcome outcome) const REQUIRES(mutex_) {
    return outcome == Outcome::kFailed ? reason() : 0;
  }
  void count_unsent(uint64_t bytes) REQUIRES(mutex_) { counters_[Counter::unsentBytes] += bytes; }
  void fail(int error, bool connecting, bool reading = false) REQUIRES(mutex_);

  // Reports a timestamp, or counts one that no send is known for.
  void note_stamp(const Notification& stamp) REQUIRES(mutex_);
  void count_send(uint32_t length) REQUIRES(mutex_) {
    ++counters_[Counter::sends];
    counters_[Counter::bytes] += length;
  }
  // The memory of this send must never be used again. To be called before it completes.
  void note_retired(uint64_t id, int error) REQUIRES(mutex_) {
    news_.tell_before(Record::kRetired, id, static_cast<uint64_t>(error));
  }
  // This send will fail, and the kernel has gone past its place in the ring: frames behind it do
  // not wait for that place to be filled. To be called before it completes.
  void note_passed(uint64_t id) REQUIRES(mutex_) { news_.tell_before(Record::kPassed, id); }
  void report() REQUIRES(mutex_);
  // A send was put into the queue.
  void note_queued() REQUIRES(mutex_);
  // The queue has emptied by sending.
  void note_drained() REQUIRES(mutex_);

  WantedMutex mutex_;
  const size_t max_queued_;
  int fd_ GUARDED_BY(mutex_);
  bool connecting_ GUARDED_BY(mutex_) = false;
  bool closing_ GUARDED_BY(mutex_) = false;     // begin_close() or abort() was called
  bool failed_ GUARDED_BY(mutex_) = false;      // a fatal error was reported
  int failure_ GUARDED_BY(mutex_) = 0;          // its errno
  uint32_t refused_at_ GUARDED_BY(mutex_) = 0;  // the wrong one of the last batch refused
  bool unfinished_ GUARDED_BY(mutex_) = false;  // do_ready() has more to do, now

  std::unique_ptr<StampTracker> stamps_ GUARDED_BY(mutex_);  // null unless they were asked for
  Counters counters_ GUARDED_BY(mutex_);
  News news_ GUARDED_BY(mutex_);
  Watch watch_ GUARDED_BY(mutex_);

 private:
  int refusal(size_t count) const REQUIRES(mutex_);
  bool watch_or_fail() REQUIRES(mutex_);
  size_t submit_or_refuse(const Source* sources, size_t count, const Address* destination)
      REQUIRES(mutex_);
  size_t push_pending(size_t most_bytes) REQUIRES(mutex_);
  void fail_pending() REQUIRES(mutex_);

  bool busy_ GUARDED_BY(mutex_) = false;        // JavaScript sends, and has promised to call arm()
  uint32_t busy_polls_ GUARDED_BY(mutex_) = 0;  // polls since JavaScript was idle
  bool drain_due_ GUARDED_BY(mutex_) = false;   // the queue was in use since the last drain record
  std::shared_ptr<Channel> channel_ GUARDED_BY(mutex_);  // null without a submission thread
};

}  // namespace zerosend
