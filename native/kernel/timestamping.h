#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>

#include "core/instant.h"
#include "core/stamp_book.h"
#include "kernel/error_queue.h"

namespace zerosend {

enum class Timestamps : uint8_t { kNone, kSoftware, kHardware };

// Has the kernel report when packets of the socket are sent, scheduled and acknowledged
// (Documentation/networking/timestamping.rst). A stream has to be connected. Returns 0 or an errno.
int enable_timestamps(int fd, Timestamps kind, bool stream);

// Both read the two clocks in the order that latency_of() requires.
Instant instant_of_send();
Instant instant_of_reading();

// Returns whether the kernel takes the key of a datagram's timestamps from the sender
// (SCM_TS_OPT_ID, Linux 6.13). The kernel is asked once, without sending anything.
bool kernel_takes_keys();

constexpr int kStampKeyType = 81;  // SCM_TS_OPT_ID

// The control message that names the key of one datagram. It has to exist until the datagram was
// sent.
class StampKey {
 public:
  explicit StampKey(uint32_t key = 0);
  void attach(msghdr* message) {
    message->msg_control = control_;
    message->msg_controllen = sizeof control_;
  }

 private:
  alignas(cmsghdr) uint8_t control_[CMSG_SPACE(sizeof(uint32_t))] = {};
};

// The timestamps of one socket: knows which send has which key. A refused datagram may have used up
// a key or not, and may have got timestamps or not.
class StampTracker {
 public:
  enum class Keys : uint8_t {
    kPositions,  // keys are positions in a stream, where a refused send uses up none
    kNamed,      // keys are given by this class, a new one for each attempt to send
    // keys are counted by the kernel, one for each datagram that it has begun to process
    kCounted,
  };

  StampTracker(Timestamps kind, Keys keys) : kind_(kind), keys_(keys) {}

  // Returns 0 or an errno.
  int start(int fd) { return enable_timestamps(fd, kind_, keys_ == Keys::kPositions); }

  bool names_keys() const { return keys_ == Keys::kNamed; }
  // Returns the key of the datagram that is `ahead` places behind the next one; for kNamed.
  uint32_t key(uint32_t ahead) const { return position_ + ahead; }

  // Has to be called before each system call that sends.
  void about_to_send() { started_ = instant_of_send(); }

  // Notes that the kernel has accepted `bytes`, the last ones of the send `id` if `last`. Where a
  // datagram is sent in parts, only the last part has a timestamp.
  void accepted(uint64_t id, uint64_t bytes, bool last) {
    if (paused_) return;
    const bool stream = keys_ == Keys::kPositions;
    if (!stream && !last) return;
    position_ += stream ? static_cast<uint32_t>(bytes) : 1;
    if (last) book_.add(position_ - 1, id, started_);
  }

  // Notes that the kernel has refused a datagram. With kNamed, the next attempt gets the next key.
  // With kCounted, the kernel's count is no longer known, so there are no timestamps until
  // resume().
  void refused(int fd);

  // Skips `count` keys that were named for datagrams which the call did not get to.
  void skip(size_t count) {
    if (keys_ == Keys::kNamed) position_ += static_cast<uint32_t>(count);
  }

  bool paused() const { return paused_; }
  // Restarts the count at 0 on both sides. Has to be called when no datagram of the socket is in
  // the kernel and the error queue has been read: timestamps that came later would be taken for
  // those of later datagrams.
  void resume(int fd);

  // Notes that the kernel has used this key. If it lies ahead, refused frames have used up the keys
  // before it. All accepted sends have to be noted before.
  void note_key(uint32_t key) {
    if (paused_ || static_cast<int32_t>(key - position_) < 0) return;
    position_ = key + 1;
  }

  const StampBook::Entry* find(const Notification& stamp) { return book_.find(stamp.key); }

 private:
  const Timestamps kind_;
  const Keys keys_;
  bool paused_ = false;
  uint32_t position_ = 0;  // datagrams or bytes so far, modulo 2^32 like the kernel's
  Instant started_;
  StampBook book_;
};

}  // namespace zerosend
