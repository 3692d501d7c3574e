// Submitter: the thread itself.

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "threads/submitter.h"

namespace zerosend {
namespace {

// Bytes that a socket may hand over before the others have their turn.
constexpr int64_t kQuantum = 256 << 10;
// Nanoseconds between two moves to another processor.
constexpr uint64_t kBetweenMoves = 5'000'000;
// Nanoseconds between two looks at completions while there is something to hand over: what is quiet
// beside a socket that never is has nobody else to look. About the poller thread's pause.
constexpr uint64_t kBetweenLooks = 200'000;
// For how long the end of the environment waits for what was published, in nanoseconds.
constexpr uint64_t kFinishTimeout = 1'000'000'000;

uint64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

void futex_wait(SharedWord& word, uint32_t value) {
  ::syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAIT_PRIVATE, value, nullptr,
            nullptr, 0);
}

// Lets the other half of the core go on, and takes some 40 ns.
void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield" ::: "memory");
#endif
}

}  // namespace

void Submitter::run() {
  pthread_setname_np(pthread_self(), "zerosend-submit");
  uint64_t quiet_since = 0;
  uint64_t looked_at = 0;
  while (!stopping_.load(std::memory_order_relaxed)) {
    const bool heard = listen();
    uint64_t now = now_ns();
    if (spin_ > 0 && in_the_way()) step_aside(now);
    const bool served = serve(now);
    const bool busy = heard || served;
    if (!busy || now - looked_at >= kBetweenLooks) {
      look_back(now);
      looked_at = now;
    }
    if (busy) {
      quiet_since = 0;
      continue;
    }
    if (quiet_since == 0) quiet_since = now;
    const uint64_t then = now;
    now = now_ns();
    if (now - quiet_since < spin_ && !in_the_way()) {
      for (int i = 0; i < 8; ++i) relax();
      spun_.fetch_add(now_ns() - then, std::memory_order_relaxed);
      continue;
    }
    // On one processor JavaScript may have more to publish, if it is let.
    if (spin_ == 0 || in_the_way()) ::sched_yield();
    sleep();
    quiet_since = 0;
  }
  finish();
  active_.clear();
}

// Takes in what was published, and who has called. Returns whether there was any.
bool Submitter::listen() {
  // Without the lock, as long as there is nothing.
  const uint32_t tail = shared_->tail.word.load(std::memory_order_acquire);
  if (tail == shared_->head.word.load(std::memory_order_relaxed) &&
      calls_.load(std::memory_order_seq_cst) == 0) {
    return false;
  }
  MutexLock lock(intake_);
  empty_ring();
  calls_.store(0, std::memory_order_seq_cst);
  for (Shared& client : called_) {
    client->called = false;
    if (std::exchange(client->active, true)) continue;
    active_.push_back(std::move(client));
  }
  const bool some = !called_.empty();
  called_.clear();
  return some;
}

// Gives each socket that has something to hand over its turn. Returns whether there was any.
bool Submitter::serve(uint64_t now) {
  bool some = false;
  bool made_way = false;
  for (size_t i = 0; i < active_.size();) {
    Client& client = *active_[i];
    if (client.channel->size() == 0) {
      ++i;
      continue;
    }
    client.last_work = now;
    client.credit = std::min(client.credit + kQuantum, kQuantum);
    if (client.credit <= 0) {
      some = true;
      ++i;
      continue;
    }
    if (client.socket->is_wanted()) {  // a lock is not fair
      made_way = true;
      ++i;
      continue;
    }
    const Socket::Handed handed = client.socket->hand_over(static_cast<size_t>(client.credit));
    client.credit -= static_cast<int64_t>(handed.bytes);
    some = some || handed.bytes > 0;
    if (handed.parked && !client.socket->leave()) {
      client.active = false;
      active_[i] = std::move(active_.back());
      active_.pop_back();
      continue;
    }
    ++i;
  }
  if (made_way && !some) ::sched_yield();
  return some || made_way;
}

// Reads completions, and leaves sockets that have been quiet to the poller thread.
void Submitter::look_back(uint64_t now) {
  for (size_t i = 0; i < active_.size();) {
    Client& client = *active_[i];
    if (client.socket->is_wanted()) {
      ++i;
      continue;
    }
    client.socket->read_completions();
    const bool quiet = client.channel->size() == 0 && now - client.last_work >= spin_;
    if (!quiet || client.socket->leave()) {
      ++i;
      continue;
    }
    client.active = false;
    active_[i] = std::move(active_.back());
    active_.pop_back();
  }
}

// Whether this thread takes the processor that JavaScript runs on: where all are busy, the
// scheduler puts a thread that is woken on that of who wakes it, and leaves it there. The two would
// take turns, each waiting for the other.
bool Submitter::in_the_way() const {
  return ::sched_getcpu() == processor_.load(std::memory_order_relaxed);
}

// Goes on on another processor. That takes some 10 us, of JavaScript's as well.
void Submitter::step_aside(uint64_t now) {
  if (now - aside_at_ < kBetweenMoves) return;
  aside_at_ = now;
  const int processor = processor_.exchange(-1, std::memory_order_relaxed);
  cpu_set_t allowed;
  if (processor < 0 || ::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  cpu_set_t others = allowed;
  CPU_CLR(processor, &others);
  if (CPU_COUNT(&others) == 0 || ::sched_setaffinity(0, sizeof others, &others) != 0) return;
  ::sched_setaffinity(0, sizeof allowed, &allowed);  // from here it may be moved anywhere again
}

// Sleeps until somebody publishes or calls. JavaScript stores the tail and then loads `asleep`;
// here `asleep` is stored, and then the tail is loaded: one of the two sees the other.
void Submitter::sleep() {
  for (size_t i = 0; i < active_.size();) {
    if (active_[i]->channel->size() > 0 || active_[i]->socket->leave()) return;
    active_[i]->active = false;
    active_[i] = std::move(active_.back());
    active_.pop_back();
  }
  SharedWord& asleep = shared_->asleep.word;
  asleep.store(1, std::memory_order_seq_cst);
  if (shared_->tail.word.load(std::memory_order_seq_cst) !=
          shared_->head.word.load(std::memory_order_seq_cst) ||
      calls_.load(std::memory_order_seq_cst) != 0 || stopping_.load(std::memory_order_seq_cst)) {
    asleep.store(0, std::memory_order_seq_cst);
    return;
  }
  sleeps_.fetch_add(1, std::memory_order_relaxed);
  while (asleep.load(std::memory_order_seq_cst) == 1) futex_wait(asleep, 1);
  wakes_.fetch_add(1, std::memory_order_relaxed);
}

// The environment ends: what was published goes out, as it would have gone inline.
void Submitter::finish() {
  const uint64_t deadline = now_ns() + kFinishTimeout;
  for (;;) {
    listen();
    bool left = false;
    for (const Shared& client : active_) {
      client->socket->hand_over(static_cast<size_t>(kQuantum));
      client->socket->read_completions();  // and has the kernel look at a ring once more
      left = left || client->channel->size() > 0;
    }
    if (!left || now_ns() > deadline) return;
  }
}

}  // namespace zerosend
