// What the demonstration sends and checks: content that is recognized, ids that complete once,
// datagrams that arrive once.
import type { CompletionRange } from '../../index.js';

// The content is a stream of which the first megabyte repeats, so that to copy and to compare it
// takes a memcpy and a memcmp (18 GB/s), where computing each word of it (0.4 GB/s) would be what
// is measured. The period is a prime number above 1 MB, so that no two sends near each other carry
// the same bytes: content that arrives twice, late, from the wrong place or from a buffer that was
// overwritten too early differs from the right one.

export const PERIOD = 1_048_583;
/** How many bytes can be copied as one piece, wherever in the period they begin. */
const PIECE = 2 ** 20;
/** Of a datagram: its sequence number. */
const HEADER_BYTES = 4;
/** The distance between the contents of two datagrams in the stream; not a multiple of any size. */
const STRIDE = 7_919;

/** A hash of a word that is a bijection for fixed keys: no two words of a period are equal. */
function mix(word: number, a: number, b: number): number {
  let x = Math.imul(word ^ a, 0x9e37_79b1);
  x ^= x >>> 15;
  x = Math.imul(x + b, 0x85eb_ca77);
  return x ^ (x >>> 13);
}

/** One period of the stream. */
function periodOf(seed: number): Buffer {
  const bytes = Buffer.alloc(PERIOD + PIECE);
  const a = mix(0, seed, 0x243f_6a88);
  const b = mix(0, seed, 0x1319_8a2e) ^ a;
  for (let at = 0; at < PERIOD + 4; at += 4) bytes.writeInt32LE(mix(at / 4, a, b), at);
  bytes.copyWithin(PERIOD, 0, PIECE);
  return bytes;
}

/** The content of one seed, as a stream and as datagrams. */
export class RepeatedPattern {
  readonly #bytes: Buffer;

  /** @param seed a whole number below 2^32 */
  constructor(seed: number) {
    this.#bytes = periodOf(seed);
  }

  /** Writes the bytes of a stream from `position` on to the beginning of `bytes`. */
  fillStream(bytes: Buffer, length: number, position: number): void {
    for (let at = 0; at < length; at += PIECE) {
      const start = (position + at) % PERIOD;
      this.#bytes.copy(bytes, at, start, start + Math.min(PIECE, length - at));
    }
  }

  /** How many bytes differ from the stream at `position`. */
  wrongInStream(bytes: Buffer, position: number): number {
    let wrong = 0;
    for (let at = 0; at < bytes.length; at += PIECE) {
      const end = Math.min(bytes.length, at + PIECE);
      wrong += this.#wrong(bytes, at, end, (position + at) % PERIOD);
    }
    return wrong;
  }

  /**
   * Writes a train: a datagram every `segment` bytes, each with its sequence number and content.
   * @returns the sequence number after the last one
   */
  fillTrain(bytes: Buffer, length: number, segment: number, sequence: number): number {
    let next = sequence;
    for (let at = 0; at < length; at += segment, next++) {
      const content = Math.min(segment, length - at) - HEADER_BYTES;
      const start = (next * STRIDE) % PERIOD;
      bytes.writeUInt32LE(next, at);
      this.#bytes.copy(bytes, at + HEADER_BYTES, start, start + content);
    }
    return next;
  }

  /** @param datagram of more bytes than its header */
  sequenceOf(datagram: Buffer): number {
    return datagram.readUInt32LE(0);
  }

  /** How many bytes differ from the content that belongs to the datagram's sequence number. */
  wrongInDatagram(datagram: Buffer): number {
    const start = (this.sequenceOf(datagram) * STRIDE) % PERIOD;
    return this.#wrong(datagram, HEADER_BYTES, datagram.length, start);
  }

  #wrong(bytes: Buffer, from: number, to: number, start: number): number {
    if (bytes.compare(this.#bytes, start, start + to - from, from, to) === 0) return 0;
    let wrong = 0;
    for (let i = from; i < to; i++) if (bytes[i] !== this.#bytes[start + i - from]) wrong++;
    return wrong;
  }
}

/** A datagram carries a sequence number and enough content to recognise it by. */
export const SHORTEST_DATAGRAM = 16;

/**
 * A set of whole numbers, kept as sorted ranges that do not touch. Numbers that are added nearly in
 * order make few ranges, however many they are.
 */
export class Ranges {
  /** How many different numbers there are. */
  size = 0;
  readonly #firsts: number[] = [];
  readonly #lasts: number[] = [];

  /** How many ranges there are. */
  get parts(): number {
    return this.#firsts.length;
  }

  /**
   * @param last inclusive
   * @param again called for the numbers that were in the set already
   * @returns how many are new
   */
  add(first: number, last: number, again?: (first: number, last: number) => void): number {
    const at = this.#after(first);
    let end = at;
    let [from, to, known] = [first, last, 0];
    for (; (this.#firsts[end] ?? Number.POSITIVE_INFINITY) <= last + 1; end++) {
      const [left, right] = [this.#firsts[end] as number, this.#lasts[end] as number];
      const [low, high] = [Math.max(left, first), Math.min(right, last)];
      if (low <= high) {
        known += high - low + 1;
        again?.(low, high);
      }
      from = Math.min(from, left);
      to = Math.max(to, right);
    }
    this.#firsts.splice(at, end - at, from);
    this.#lasts.splice(at, end - at, to);
    const fresh = last - first + 1 - known;
    this.size += fresh;
    return fresh;
  }

  /** The first `limit` numbers below `end` that are not in the set. */
  missingBelow(end: number, limit: number): number[] {
    const missing: number[] = [];
    let next = 0;
    for (let at = 0; next < end && missing.length < limit; at++) {
      const first = Math.min(this.#firsts[at] ?? end, end);
      for (; next < first && missing.length < limit; next++) missing.push(next);
      next = (this.#lasts[at] ?? end) + 1;
    }
    return missing;
  }

  /**
   * The place of the first range that `first` touches, or that is behind it. Mostly it is the last
   * one.
   */
  #after(first: number): number {
    let [low, high] = [0, this.#lasts.length];
    if ((this.#lasts[high - 2] ?? Number.NEGATIVE_INFINITY) < first - 1)
      low = Math.max(0, high - 1);
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#lasts[middle] as number) < first - 1) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const NAMED = 5; // how many ids are named for each kind of problem

/** Ids with one kind of problem. All are counted, and the first ones are named. */
class Wrong {
  count = 0;
  readonly #first: number[] = [];

  readonly note = (first: number, last: number = first): void => {
    this.count += last - first + 1;
    for (let id = first; id <= last && this.#first.length < NAMED; id++) this.#first.push(id);
  };

  toString(): string {
    return list(this.#first, this.count);
  }
}

const list = (first: readonly number[], count: number) =>
  first.join(', ') + (count > first.length ? ', …' : '');

/** Checks that ids are given out one after the other, and that each completes once, and not before. */
export class IdBook {
  sent = 0;
  readonly #completed = new Ranges();
  readonly #twice = new Wrong();
  readonly #unknown = new Wrong();
  readonly #outOfTurn = new Wrong();
  readonly #malformed: string[] = [];

  /** How many different ids have completed. */
  get completed(): number {
    return this.#completed.size;
  }

  /** Notes that a send got this id. */
  send(id: number): void {
    if (id !== this.sent) this.#outOfTurn.note(id);
    this.sent = id + 1;
  }

  complete({ first, last }: Pick<CompletionRange, 'first' | 'last'>): void {
    const whole = Number.isSafeInteger(first) && Number.isSafeInteger(last);
    if (!whole || first < 0 || first > last) {
      this.#malformed.push(`${first} to ${last}`);
      return;
    }
    const known = Math.min(last, this.sent - 1);
    if (known < last) this.#unknown.note(Math.max(first, this.sent), last);
    if (first <= known) this.#completed.add(first, known, this.#twice.note);
  }

  /** The problems that were found, when everything should have completed; empty without any. */
  problems(): string[] {
    const missing = this.sent - this.completed;
    const first = this.#completed.missingBelow(this.sent, NAMED);
    const problems = missing > 0 ? [`${missing} ids never completed: ${list(first, missing)}`] : [];
    for (const [wrong, what] of [
      [this.#twice, 'ids completed more than once'],
      [this.#unknown, 'ids completed that were never given out'],
      [this.#outOfTurn, 'ids were given out of turn'],
    ] as const) {
      if (wrong.count > 0) problems.push(`${wrong.count} ${what}: ${wrong}`);
    }
    const { length, 0: some } = this.#malformed;
    if (length > 0) problems.push(`${length} ranges that are none: ${some}, …`);
    return problems;
  }
}

/**
 * Checks datagrams: their content, and which of the sequence have arrived, in what order, and how
 * often.
 */
export class SequenceChecker {
  readonly #pattern: RepeatedPattern;
  readonly #seen = new Ranges();
  datagrams = 0;
  bytes = 0;
  wrongBytes = 0;
  duplicates = 0;
  reordered = 0;
  /** The sequence number after the largest that has arrived. */
  next = 0;

  constructor(pattern: RepeatedPattern) {
    this.#pattern = pattern;
  }

  receive(datagram: Buffer): void {
    this.datagrams++;
    this.bytes += datagram.length;
    const short = datagram.length < SHORTEST_DATAGRAM;
    const wrong = short ? datagram.length : this.#pattern.wrongInDatagram(datagram);
    if (wrong > 0) {
      this.wrongBytes += wrong; // with wrong content, its sequence number may be wrong as well
      return;
    }
    const sequence = this.#pattern.sequenceOf(datagram);
    if (this.#seen.add(sequence, sequence) === 0) this.duplicates++;
    else if (sequence < this.next) this.reordered++;
    else this.next = sequence + 1;
  }

  lostOf(sent: number): number {
    return sent - this.#seen.size;
  }
}
