// The C side of the comparison: the same loop as the JavaScript senders, without JavaScript.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// As in lib/: the pool's defaults, and REAP_EVERY of socket.ts.
enum { kSlots = 256, kSlotBytes = 65536, kReapEvery = 16, kMaxBatch = 64 };
enum {
  kMaxSlots = 65536,
  kMaxSockets = 4096,
  kMinSlots = 2048 /* with `buffers` */,
  kMaxWaits = 4096
};
enum { kSendBuffer = 4 << 20, kClockEvery = 64, kPatience = 10000 /* ms */ };
enum { kRefill = 4 /* ms: of the token bucket of wake.c, with room */ };

// One way to send.
typedef struct Engine {
  void (*open)(void);
  void (*send_until)(double end);  // sends until now() is `end`
  void (*settle)(void);            // waits until everything has completed
} Engine;

extern const Engine inet_engine, ring_engine, copying_engine, xdp_engine, wake_engine, tight_engine,
    uring_engine, handoff_engine;

typedef struct Options {
  const Engine* engine;
  const char* protocol;
  const char* loop;  // of UDP: wake, tight, uring, handoff; else that of inet.c
  bool tcp;
  const char* address;
  uint32_t port;
  uint32_t size;     // bytes of one send; of a frame without its offload header
  uint32_t segment;  // UDP_SEGMENT; 0: off
  uint32_t batch;    // messages of one system call; above 1 with UDP only
  bool copy;         // send without MSG_ZEROCOPY
  uint32_t slots;    // of the pool, in place of its default, of 4096 bytes each
  uint32_t sockets;  // that take turns
  bool epoll;        // of several sockets: epoll tells which have notifications
  bool late;         // reads notifications when no slot is free, not every kReapEvery sends
  uint32_t buffers;  // sends from so many in turn, in flight or not; 0: from free ones
  bool rotate;       // use all slots in turn, not the one that came back last
  bool spin;         // wake: looks for completions all the time
  bool thread;       // run beside a thread that sleeps, as any Node process does
  bool fill;         // copies what it sends into each buffer first
  bool sendto;       // sendto in place of sendmsg: no header for the kernel to fetch
  // Of whole frames:
  const char* interface;
  const char* frame;  // what each buffer begins with, as hexadecimal digits
  uint32_t counter;   // where each packet has another number, of four bytes; UINT32_MAX: nowhere
  uint32_t frames;    // of the ring; buffers of a copying sender
  bool offload;       // frames begin with a virtio_net_hdr
  uint32_t notify;    // copying: reads as many notifications at a time; 0: none are asked for
} Options;

// What one run did. Sends of an earlier run have all completed before the next one starts.
typedef struct Totals {
  uint64_t sends;
  uint64_t bytes;
  uint64_t completed;   // sends, of which
  uint64_t zerocopied;  // every piece was sent without a copy
  uint64_t copied;      // the kernel reported a copy
  uint64_t inlined;     // sent without MSG_ZEROCOPY
  uint64_t notifications;
  uint64_t violations;      // completions of ids that were not outstanding
  double waits[kMaxWaits];  // seconds from a send to its completion, where these are measured
  uint32_t waits_count;
} Totals;

extern Options options;
extern Totals totals;
extern int fd;

void parse_options(int argc, char** argv);
void set_option(int level, int name, int value, const char* what);
_Noreturn void usage(void);
_Noreturn void die(const char* what);
double now(void);

// socket.c
void open_socket(void);

// pool.c: slots of one mapping, and who has them.
void pool_create(uint32_t slots, size_t slot_bytes);
uint8_t* pool_bytes(uint32_t slot);
void pool_fill(uint32_t slot);  // with `fill`: new content, from elsewhere
bool pool_dry(void);
bool pool_complete(void);  // every slot is back
uint32_t pool_take(void);
void pool_put(uint32_t slot);

// completions.c: which send each of the kernel's ids stands for.
void add_socket(uint32_t number);  // `fd` is
void use_socket(uint32_t number);  // `fd` becomes its descriptor
void begin_send(uint32_t slot);
void add_piece(uint32_t slot, bool zerocopy);
void end_send(uint32_t slot);  // all its bytes were accepted
size_t reap(void);             // reads the error queue until it is empty; kernel ids that completed
