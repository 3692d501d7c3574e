// The UDP side: datagrams, their content, and the order in which their sequences arrive.
#define _GNU_SOURCE
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "receiver.h"

enum { kBatch = 16, kDatagramBytes = 65536, kWindow = 1 << 18, kMaxFlows = 4096 };

// A flow is all datagrams with one seed. The bitmap knows which of the last kWindow sequences have
// arrived.
typedef struct Flow {
  uint32_t seed;
  uint64_t next;  // one past the highest sequence so far
  uint64_t seen[kWindow / 64];
  struct Flow* link;
} Flow;

static Flow* flows[256];
static uint64_t flow_count;

uint64_t udp_flow_count(void) { return flow_count; }

static Flow* find_flow(uint32_t seed) {
  Flow** bucket = &flows[(seed * PATTERN_M1) >> 24];
  for (Flow* flow = *bucket; flow; flow = flow->link) {
    if (flow->seed == seed) return flow;
  }
  if (flow_count == kMaxFlows) return NULL;
  Flow* flow = calloc(1, sizeof(*flow));
  if (!flow) abort();
  flow->seed = seed;
  flow->link = *bucket;
  *bucket = flow;
  ++flow_count;
  return flow;
}

static void track(Flow* flow, uint64_t sequence) {
  uint64_t* word = &flow->seen[sequence % kWindow / 64];
  uint64_t bit = (uint64_t)1 << (sequence % 64);
  if (sequence >= flow->next) {
    uint64_t skipped = sequence - flow->next;
    if (skipped > 0) {
      totals.gaps++;
      totals.missing += skipped;
      if (totals.first_gap < 0) totals.first_gap = (int64_t)flow->next;
    }
    if (skipped >= kWindow) {
      memset(flow->seen, 0, sizeof(flow->seen));
    } else {
      for (uint64_t s = flow->next; s < sequence; ++s) {
        flow->seen[s % kWindow / 64] &= ~((uint64_t)1 << (s % 64));
      }
    }
    *word |= bit;
    flow->next = sequence + 1;
    totals.unique++;
  } else if (flow->next - sequence > kWindow) {
    totals.late++;  // too old to tell a straggler from a duplicate
  } else if (*word & bit) {
    totals.duplicates++;
  } else {
    *word |= bit;
    totals.reordered++;
    totals.missing--;
    totals.unique++;
  }
}

static void check_header_field(const uint8_t* in, uint32_t expected, uint64_t at,
                               PatternCheck* check) {
  for (int i = 0; i < 4; ++i) {
    uint8_t byte = (uint8_t)(expected >> (8 * i));
    if (in[i] == byte) continue;
    if (check->wrong++ == 0) {
      check->first_offset = at + (uint64_t)i;
      check->expected = byte;
      check->actual = in[i];
    }
  }
}

static void take_datagram(const uint8_t* in, size_t length) {
  totals.datagrams++;
  totals.bytes += length;
  if (length < totals.min_length) totals.min_length = (uint32_t)length;
  if (length > totals.max_length) totals.max_length = (uint32_t)length;
  if (!options.check) return;
  if (length < kHeaderBytes) {
    totals.short_datagrams++;  // too short to say which it is
    return;
  }
  uint64_t sequence;
  uint32_t seed;
  memcpy(&sequence, in, 8);
  memcpy(&seed, in + 8, 4);
  PatternCheck check = {0};
  if (!options.any_seed) {
    check_header_field(in + 8, options.seed, 8, &check);
    seed = options.seed;
  }
  check_header_field(in + 12, (uint32_t)length, 12, &check);
  pattern_verify(in + kHeaderBytes, length - kHeaderBytes, kHeaderBytes,
                 pattern_keys(~seed, sequence), &check);
  if (check.wrong > 0) {
    // Its sequence cannot be trusted either; it will show as missing.
    totals.corrupt++;
    note_wrong(&check, (int64_t)sequence);
    return;
  }
  Flow* flow = find_flow(seed);
  if (flow) track(flow, sequence);
}

static size_t segment_size(struct msghdr* message, size_t length) {
  for (struct cmsghdr* c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
    if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
      int size;
      memcpy(&size, CMSG_DATA(c), sizeof(size));
      if (size > 0) return (size_t)size;
    }
  }
  return length;
}

void udp_readable(int socket) {
  static uint8_t buffers[kBatch][kDatagramBytes];
  static char control[kBatch][CMSG_SPACE(sizeof(int))];
  static struct mmsghdr messages[kBatch];
  static struct iovec vectors[kBatch];
  unsigned batch = options.rate ? 1 : kBatch;
  for (int round = 0; round < 64; ++round) {
    for (unsigned i = 0; i < batch; ++i) {
      vectors[i] = (struct iovec){buffers[i], options.truncate ? 0 : kDatagramBytes};
      messages[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i],
                                            .msg_iovlen = 1,
                                            .msg_control = control[i],
                                            .msg_controllen = sizeof(control[i])};
    }
    // MSG_TRUNC answers the whole length of what was cut off.
    int flags = MSG_DONTWAIT | (options.truncate ? MSG_TRUNC : 0);
    int n = recvmmsg(socket, messages, batch, flags, NULL);
    if (n <= 0) return;
    size_t bytes = 0;
    for (int i = 0; i < n; ++i) {
      size_t length = messages[i].msg_len;
      size_t segment = segment_size(&messages[i].msg_hdr, length);
      bytes += length;
      if (length == 0) take_datagram(buffers[i], 0);
      for (size_t at = 0; at < length; at += segment) {
        take_datagram(buffers[i] + at, length - at < segment ? length - at : segment);
      }
    }
    if (spend_allowance(bytes) || (unsigned)n < batch) return;
  }
}
