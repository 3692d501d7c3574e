// The content that senders and receivers of the test rigs agree on. rig/pattern.mjs is the
// same definition in JavaScript; test/rig/pattern.test.ts compares the two byte by byte.
//
// Everything is made of 32-bit little-endian words, so that JavaScript can compute them too:
//
//   word(i, a, b)  x = (i ^ a) * M1;  x ^= x >> 15;  x = (x + b) * M2;  x ^= x >> 13   (mod 2^32)
//   keys(s, n)     a = word(low half of n, s, S1),  b = word(high half of n, s, S2) ^ a
//
// For fixed keys `word` is a bijection of i: no two aligned words of one 16 GiB stretch of a stream
// are equal, so a block that is out of place, stale or of another seed cannot pass as the right
// one.
//
//   stream    the byte at offset o is byte o % 4 of word(o / 4 mod 2^32, keys(seed, o / 2^34))
//   datagram  bytes 0..7 sequence, 8..11 seed, 12..15 length, all little-endian; the byte at
//             position p >= 16 is byte p % 4 of word(p / 4, keys(~seed, sequence)).
//             A datagram shorter than 16 bytes is the beginning of such a header.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PATTERN_M1 0x9E3779B1u
#define PATTERN_M2 0x85EBCA77u
#define PATTERN_S1 0x243F6A88u
#define PATTERN_S2 0x13198A2Eu

enum { kHeaderBytes = 16 };

typedef struct {
  uint32_t a, b;
} PatternKeys;

// The first byte that differs from the pattern, and how many do.
typedef struct {
  uint64_t wrong;
  uint64_t first_offset;
  uint8_t expected, actual;
} PatternCheck;

static inline uint32_t pattern_word(uint32_t i, PatternKeys k) {
  uint32_t x = (i ^ k.a) * PATTERN_M1;
  x ^= x >> 15;
  x = (x + k.b) * PATTERN_M2;
  return x ^ (x >> 13);
}

static inline PatternKeys pattern_keys(uint32_t seed, uint64_t n) {
  PatternKeys low = {seed, PATTERN_S1}, high = {seed, PATTERN_S2};
  PatternKeys keys;
  keys.a = pattern_word((uint32_t)n, low);
  keys.b = pattern_word((uint32_t)(n >> 32), high) ^ keys.a;
  return keys;
}

static inline uint8_t pattern_byte(uint64_t offset, PatternKeys k) {
  return (uint8_t)(pattern_word((uint32_t)(offset >> 2), k) >> (8 * (offset & 3)));
}

// Bytes of [offset, offset + length) under one pair of keys.
static inline void pattern_fill(uint8_t* out, size_t length, uint64_t offset, PatternKeys k) {
  size_t at = 0;
  while (at < length && ((offset + at) & 3)) {
    out[at] = pattern_byte(offset + at, k);
    ++at;
  }
  uint32_t index = (uint32_t)((offset + at) >> 2);
  size_t words = (length - at) / 4;
  for (size_t i = 0; i < words; ++i) {
    uint32_t word = pattern_word(index + (uint32_t)i, k);
    memcpy(out + at + i * 4, &word, 4);
  }
  for (at += words * 4; at < length; ++at) out[at] = pattern_byte(offset + at, k);
}

static inline void pattern_count(const uint8_t* in, size_t length, uint64_t offset, PatternKeys k,
                                 PatternCheck* check) {
  for (size_t i = 0; i < length; ++i) {
    uint8_t expected = pattern_byte(offset + i, k);
    if (in[i] == expected) continue;
    if (check->wrong++ == 0) {
      check->first_offset = offset + i;
      check->expected = expected;
      check->actual = in[i];
    }
  }
}

// The fast path only checks whether a block differs at all, which the compiler turns into vector
// code. A block that differs is compared again, byte by byte.
static inline void pattern_verify(const uint8_t* in, size_t length, uint64_t offset, PatternKeys k,
                                  PatternCheck* check) {
  enum { kBlockWords = 1024 };
  size_t head = (size_t)(-offset & 3);
  if (head > length) head = length;
  pattern_count(in, head, offset, k, check);
  size_t at = head;
  while (length - at >= 4) {
    size_t words = (length - at) / 4;
    if (words > kBlockWords) words = kBlockWords;
    uint32_t index = (uint32_t)((offset + at) >> 2);
    uint32_t difference = 0;
    for (size_t i = 0; i < words; ++i) {
      uint32_t word;
      memcpy(&word, in + at + i * 4, 4);
      difference |= word ^ pattern_word(index + (uint32_t)i, k);
    }
    if (difference) pattern_count(in + at, words * 4, offset + at, k, check);
    at += words * 4;
  }
  pattern_count(in + at, length - at, offset + at, k, check);
}

// How many bytes of the stream from `offset` on have the same keys, which change every 2^34 bytes.
static inline size_t stream_run(uint64_t offset, size_t length) {
  uint64_t left = ((uint64_t)1 << 34) - (offset & (((uint64_t)1 << 34) - 1));
  return length < left ? length : (size_t)left;
}

static inline void stream_fill(uint8_t* out, size_t length, uint64_t offset, uint32_t seed) {
  while (length > 0) {
    size_t run = stream_run(offset, length);
    pattern_fill(out, run, offset, pattern_keys(seed, offset >> 34));
    out += run;
    offset += run;
    length -= run;
  }
}

static inline void stream_verify(const uint8_t* in, size_t length, uint64_t offset, uint32_t seed,
                                 PatternCheck* check) {
  while (length > 0) {
    size_t run = stream_run(offset, length);
    pattern_verify(in, run, offset, pattern_keys(seed, offset >> 34), check);
    in += run;
    offset += run;
    length -= run;
  }
}

static inline void datagram_fill(uint8_t* out, size_t length, uint64_t sequence, uint32_t seed) {
  uint8_t header[kHeaderBytes];
  uint32_t length32 = (uint32_t)length;
  memcpy(header, &sequence, 8);
  memcpy(header + 8, &seed, 4);
  memcpy(header + 12, &length32, 4);
  size_t head = kHeaderBytes;
  if (length < head) head = length;
  memcpy(out, header, head);
  pattern_fill(out + head, length - head, head, pattern_keys(~seed, sequence));
}
