#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace zerosend {

// Event counts of one socket. The names are handed to TypeScript once, so that each is written in
// one place only; the order has no meaning beyond pairing a name with its count.
#define ZEROSEND_COUNTERS(X)                                                    \
  X(sends)             /* ids given out */                                      \
  X(bytes)             /* bytes of those sends */                               \
  X(completed)         /* ids completed */                                      \
  X(ranges)            /* ranges handed to JavaScript */                        \
  X(zerocopy)          /* ids completed without a copy */                       \
  X(copied)            /* ids of which the kernel reported a copy */            \
  X(inlined)           /* ids sent by an ordinary copying send */               \
  X(revoked)           /* ids given up with their pages replaced */             \
  X(failed)            /* ids that never reached the kernel as a whole */       \
  X(unsentBytes)       /* bytes of those that the kernel has not taken */       \
  X(kernelSends)       /* messages accepted by sendto and sendmmsg */           \
  X(kernelIds)         /* of those, the ones with MSG_ZEROCOPY */               \
  X(notifications)     /* completion messages read from the error queue */      \
  X(queuedSends)       /* sends that had to wait for room */                    \
  X(noRoom)            /* EAGAIN and ENOMEM answers */                          \
  X(noBuffers)         /* ENOBUFS answers (optmem_max or RLIMIT_MEMLOCK) */     \
  X(inlineFallbacks)   /* pieces copied for want of kernel memory or ids */     \
  X(softErrors)        /* pending ICMP errors that a send or poll consumed */   \
  X(icmpMessages)      /* ICMP and local errors read from the error queue */    \
  X(timestamps)        /* transmit timestamps read from the error queue */      \
  X(unknownStamps)     /* timestamps of sends that are no longer remembered */  \
  X(unknownMessages)   /* error-queue messages of any other origin */           \
  X(truncatedMessages) /* error-queue messages with a truncated control part */ \
  X(duplicateIds)      /* kernel ids notified more than once */                 \
  X(unknownIds)        /* kernel ids notified but never given out */            \
  X(phantomIds)        /* kernel ids that a refused send took all the same */   \
  X(discardedBytes)    /* bytes from the peer, read and dropped */              \
  X(kicks)             /* calls that had the kernel look at a ring */           \
  X(refusedFrames)     /* ring frames that driver or qdisc refused: retried */  \
  X(droppedFrames)     /* packets of a ring that the device has dropped */      \
  X(linkDown)          /* kicks that met an interface that was down */          \
  X(interfaceDropped)  /* packets that the interface has dropped, anybody's */  \
  X(wakes)             /* times the poller thread worked for this socket */

enum class Counter : size_t {
#define X(name) name,
  ZEROSEND_COUNTERS(X)
#undef X
      kCount
};

constexpr size_t kCounterCount = static_cast<size_t>(Counter::kCount);

constexpr std::array<const char*, kCounterCount> kCounterNames{
#define X(name) #name,
    ZEROSEND_COUNTERS(X)
#undef X
};

// What to count for an id that has completed, by its Outcome.
constexpr std::array<Counter, 5> kOutcomeCounters{
    Counter::zerocopy, Counter::copied, Counter::inlined, Counter::revoked, Counter::failed};

class Counters {
 public:
  uint64_t& operator[](Counter counter) { return values_[static_cast<size_t>(counter)]; }
  const std::array<uint64_t, kCounterCount>& values() const { return values_; }

 private:
  std::array<uint64_t, kCounterCount> values_{};
};

}  // namespace zerosend
