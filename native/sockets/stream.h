#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/mutex.h"
#include "core/shared_words.h"
#include "sockets/news.h"

namespace zerosend {

// The one stream of records for a JavaScript thread, which it reads without a call. Any thread
// writes to it, under the lock of the socket that the records are about and then the lock of the
// stream, which is held for no system call but the one of notify(). Where the stream is full,
// records stay with their sockets, where ranges merge, until JavaScript has made room and asks for
// them.
class Stream {
 public:
  // `notify` has JavaScript look; it may be called from any thread.
  Stream(SharedRings& shared, std::function<void()> notify)
      : shared_(shared), notify_(std::move(notify)) {}

  // Moves the news of a socket into the stream as far as there is room, and wakes JavaScript if it
  // will not look by itself. Adds to `*ranges` how many of the records were ranges of ids.
  void push(uint32_t handle, News& news, uint64_t* ranges);

  // Whether JavaScript waits for buffers, and whether it sleeps meanwhile.
  bool is_awaited() const { return shared_.hungry.word.load(std::memory_order_relaxed) != 0; }
  bool wakes() const { return shared_.idle.word.load(std::memory_order_relaxed) != 0; }

  // JavaScript thread: takes the sockets whose records have found no room.
  std::vector<uint32_t> take_backlog();

  // The JavaScript thread ends: nothing is written any more.
  void stop();

 private:
  SharedRings& shared_;
  const std::function<void()> notify_;
  Mutex mutex_;
  uint32_t tail_ GUARDED_BY(mutex_) = 0;
  bool stopped_ GUARDED_BY(mutex_) = false;
  std::vector<uint32_t> backlog_ GUARDED_BY(mutex_);
};

}  // namespace zerosend
