#include "threads/submitter.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <utility>

namespace zerosend {
namespace {

// Those whose threads run. Never destroyed: exit(3) may find it after what has a destructor.
struct Running {
  const pid_t process = ::getpid();
  Mutex mutex;
  std::vector<Submitter*> all GUARDED_BY(mutex);
};
Running& running_ones() {
  static auto* const ones = new Running;
  return *ones;
}

}  // namespace

// ---- JavaScript thread --------------------------------------------------------------------------

Failure Submitter::start(SharedRings* shared, uint64_t spin_nanoseconds) {
  if (running_) return {};
  shared_ = shared;
  spin_ = spin_nanoseconds;
  stream_ = std::make_unique<Stream>(*shared, notify_);
  stopping_ = false;
  {
    MutexLock lock(intake_);
    head_ = shared->tail.word.load(std::memory_order_acquire);
  }
  // Signals belong to the threads of Node: the new thread inherits a mask that blocks them all.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const auto body = [](void* self) -> void* {
    return static_cast<Submitter*>(self)->run(), nullptr;
  };
  const int error = pthread_create(&thread_, nullptr, body, this);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  running_ = error == 0;
  process_ = ::getpid();
  owner_ = pthread_self();
  if (!running_) return {error, "pthread_create"};
  [[maybe_unused]] static const int registered = std::atexit(stop_at_exit);
  MutexLock lock(running_ones().mutex);
  running_ones().all.push_back(this);
  return {};
}

void Submitter::stop_at_exit() {
  // A child by fork(2) has none of the threads, and locks may be held for ever in it.
  if (::getpid() != running_ones().process) return;
  std::vector<Submitter*> mine;
  {
    MutexLock lock(running_ones().mutex);
    for (Submitter* one : running_ones().all) {
      if (pthread_equal(pthread_self(), one->owner_)) mine.push_back(one);
    }
  }
  for (Submitter* one : mine) one->stop();
}

void Submitter::stop() {
  if (!running_) return;
  running_ = false;
  if (::getpid() != process_) return;  // in a child by fork(2), which has not the thread
  {
    MutexLock lock(running_ones().mutex);
    auto& all = running_ones().all;
    all.erase(std::remove(all.begin(), all.end(), this), all.end());
  }
  stream_->stop();
  stopping_.store(true, std::memory_order_seq_cst);
  wake();
  pthread_join(thread_, nullptr);
  MutexLock lock(intake_);
  clients_.clear();
  called_.clear();
  slabs_.clear();
}

void Submitter::add(uint32_t handle, std::shared_ptr<Socket> socket, SharedCells& cells,
                    uint64_t next_id) {
  auto client = std::make_shared<Client>();
  client->channel = std::make_shared<Channel>(cells, *stream_, next_id);
  client->socket = socket;
  {
    MutexLock lock(intake_);
    clients_[handle] = client;
  }
  socket->use_channel(client->channel);
}

void Submitter::remove(uint32_t handle) {
  Shared last;  // destroyed after the lock is released
  MutexLock lock(intake_);
  const auto found = clients_.find(handle);
  if (found == clients_.end()) return;
  last = std::move(found->second);
  clients_.erase(found);
}

void Submitter::set_slab(uint32_t handle, std::shared_ptr<Slab> slab) {
  MutexLock lock(intake_);
  if (slabs_.size() <= handle) slabs_.resize(handle + 1);
  slabs_[handle] = std::move(slab);
}

void Submitter::drop_slab(uint32_t handle) {
  std::shared_ptr<Slab> last;  // unmapped after the lock is released
  MutexLock lock(intake_);
  if (running_) empty_ring();
  if (handle < slabs_.size()) last = std::move(slabs_[handle]);
}

void Submitter::take_in() {
  if (!running_) return;
  MutexLock lock(intake_);
  empty_ring();
}

void Submitter::call_for(uint32_t handle) {
  if (!running_) return;
  {
    MutexLock lock(intake_);
    empty_ring();
    if (Client* client = find(handle)) call(*client);
  }
  wake();
}

void Submitter::wake() {
  note_processor();
  if (shared_->asleep.word.exchange(0, std::memory_order_seq_cst) == 0) return;
  ::syscall(SYS_futex, reinterpret_cast<uint32_t*>(&shared_->asleep.word), FUTEX_WAKE_PRIVATE, 1,
            nullptr, nullptr, 0);
}

void Submitter::note_processor() { processor_.store(::sched_getcpu(), std::memory_order_relaxed); }

size_t Submitter::depth(uint32_t handle) {
  MutexLock lock(intake_);
  if (running_) empty_ring();
  Client* client = find(handle);
  return client == nullptr ? 0 : client->channel->size();
}

}  // namespace zerosend
