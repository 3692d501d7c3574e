import { clock } from '../base/timers.js';
import { constant, native } from './addon.js';

/*
 * The memory that this thread shares with the submission thread (struct SharedRings in
 * native/core/shared_words.h): a ring of descriptors, which is written here, and a ring of records, which
 * is read here. docs/submission-thread.md has the protocol.
 *
 * What is written into lines by plain stores is published by one `Atomics.store` of the tail; where two
 * sides each store one word and then look at another, both use `Atomics`, which are sequentially
 * consistent. The views are constants of this module, so TurboFan folds them into whatever it inlines
 * these functions into. Nobody touches the memory, or has the system provide it, before the thread is used.
 */

const WORDS = constant('wordsOfLine');
const LINES = constant('lines');
const RECORDS = constant('records');
const RECORD = 4;
const FIRST_LINE = constant('linesOffset') / 4;

const memory = new SharedArrayBuffer(constant('sharedSize'));
const words = new Int32Array(memory);
const records = new Float64Array(memory, constant('recordsOffset'), RECORDS * RECORD);

const WORDS_OF_CACHE_LINE = 16;
const TAIL = 0;
const HEAD = WORDS_OF_CACHE_LINE;
const ASLEEP = 2 * WORDS_OF_CACHE_LINE;
const RECORD_TAIL = 3 * WORDS_OF_CACHE_LINE;
const RECORD_HEAD = 4 * WORDS_OF_CACHE_LINE;
const IDLE = 5 * WORDS_OF_CACHE_LINE;
const BACKLOG = 6 * WORDS_OF_CACHE_LINE;
const HUNGRY = 7 * WORDS_OF_CACHE_LINE;

const SEND = 1;
const RUN = 2;
const LINE_ZERO_COPY = 1 << 8;
const LINE_ADDRESSED = 1 << 9;
const RUN_ZERO_COPY = 2 ** 31;

const ADDRESS_WORDS = 8;

const { wakeSubmitter, takeIn, copyDestination, pumpStream } = native;
const requests = new Uint32Array(native.mailbox, constant('requestsOffset'), ADDRESS_WORDS);

let tail = 0; // lines up to here are published
let head = 0; // up to here the addon had read them when last looked at
let recordHead = 0;
let running = false;
/** a pool has run dry since the last records were taken in */
let hungry = false;
/** by `clock`: until when a dry pool is waited for awake, and when records were last taken in */
let awakeUntil = 0;
let fedAt = 0;
/** ms, about what the thread takes from one reading of completions to the next where it reads often */
const LEAST_PATIENCE = 0.01;
/** ms: the thread may have no processor at the moment */
const MOST_PATIENCE = 0.05;

/**
 * Starts the submission thread of this thread, unless it runs.
 * @returns what has failed; null when it runs
 */
export function startSubmitter(spinNanoseconds: number): { errno: number; syscall: string } | null {
  if (running) return null;
  Atomics.store(words, IDLE, 1);
  const failed = native.startSubmitter(words, spinNanoseconds);
  if (failed !== undefined) return failed;
  running = true;
  return null;
}

// ---- descriptors ----------------------------------------------------------------------------------------

/** Sees to it that so many lines can be written. */
export function reserveLines(count: number): void {
  if (((tail - head) | 0) + count <= LINES) return;
  head = Atomics.load(words, HEAD);
  if (((tail - head) | 0) + count <= LINES) return;
  takeIn(); // moves all that is published out of the ring, whatever the thread is at
  head = Atomics.load(words, HEAD);
}

/** Descriptor `i` of what is published next. */
export function writeSend(
  i: number,
  handle: number,
  slab: number,
  slot: number,
  length: number,
  zeroCopy: boolean,
): void {
  const at = FIRST_LINE + ((tail + i) & (LINES - 1)) * WORDS;
  words[at] = zeroCopy ? SEND | LINE_ZERO_COPY : SEND;
  words[at + 1] = handle;
  words[at + 2] = slab;
  words[at + 3] = slot;
  words[at + 4] = length;
}

/** Adds the address that `native.setDestination` has set to descriptor 0. */
export function writeDestination(): void {
  copyDestination();
  const at = FIRST_LINE + (tail & (LINES - 1)) * WORDS;
  words[at] = (words[at] as number) | LINE_ADDRESSED;
  for (let i = 0; i < ADDRESS_WORDS; i++) words[at + 8 + i] = requests[i] as number;
}

/** The length in descriptor `i`. */
export function lineLength(i: number): number {
  return words[FIRST_LINE + ((tail + i) & (LINES - 1)) * WORDS + 4] as number;
}

/** A run whose buffers have the same length, as descriptor 0. */
export function writeRun(
  handle: number,
  slab: number,
  first: number,
  count: number,
  length: number,
  zeroCopy: boolean,
): void {
  const at = FIRST_LINE + (tail & (LINES - 1)) * WORDS;
  words[at] = RUN;
  words[at + 1] = handle;
  words[at + 2] = slab;
  words[at + 3] = first;
  words[at + 4] = zeroCopy ? length + RUN_ZERO_COPY : length;
  words[at + 5] = count;
  words[at + 6] = 0;
}

/** A run whose buffers have lengths of their own: `writeOwnLength` writes these. Returns its lines. */
export function writeLongRun(handle: number, slab: number, first: number, count: number): number {
  writeRun(handle, slab, first, count, 0, false);
  const lines = Math.ceil(count / WORDS);
  words[FIRST_LINE + (tail & (LINES - 1)) * WORDS + 6] = lines;
  return 1 + lines;
}

export function writeOwnLength(i: number, length: number, zeroCopy: boolean): void {
  const at = (((tail + 1) & (LINES - 1)) * WORDS + i) & (LINES * WORDS - 1);
  words[FIRST_LINE + at] = zeroCopy ? length + RUN_ZERO_COPY : length;
}

/** Publishes so many lines, and wakes the thread if it sleeps. */
export function publish(lines: number): void {
  tail = (tail + lines) | 0;
  Atomics.store(words, TAIL, tail);
  if (Atomics.load(words, ASLEEP) !== 0) wakeSubmitter();
}

// ---- records --------------------------------------------------------------------------------------------

/** How many records there are now. */
export function streamed(): number {
  return (Atomics.load(words, RECORD_TAIL) - recordHead) | 0;
}

export function streamedHandle(i: number): number {
  return records[((recordHead + i) & (RECORDS - 1)) * RECORD] as number;
}

export function streamedKind(i: number): number {
  return records[((recordHead + i) & (RECORDS - 1)) * RECORD + 1] as number;
}

export function streamedFirst(i: number): number {
  return records[((recordHead + i) & (RECORDS - 1)) * RECORD + 2] as number;
}

export function streamedLast(i: number): number {
  return records[((recordHead + i) & (RECORDS - 1)) * RECORD + 3] as number;
}

/**
 * The first `count` have been taken in. What has found no room before gets it now; returns whether there
 * was any.
 */
export function dropStreamed(count: number): boolean {
  recordHead = (recordHead + count) | 0;
  Atomics.store(words, RECORD_HEAD, recordHead);
  feed();
  if (Atomics.load(words, BACKLOG) === 0) return false;
  pumpStream();
  return true;
}

/**
 * A pool has run dry. Completions are waited for awake for as long as JavaScript has worked since the last
 * ones came, and the thread is to read them as soon as there may be any: who fills buffers about as fast as
 * they are sent loses little by that, and would lose more by being woken. Who is much faster sleeps at once,
 * and is woken for more at a time.
 */
export function hunger(): void {
  if (hungry) return;
  hungry = true;
  const now = clock();
  const patience = Math.min(now - fedAt, MOST_PATIENCE);
  if (patience < LEAST_PATIENCE) return;
  awakeUntil = now + patience;
  Atomics.store(words, HUNGRY, 1);
}

/** Whether a pool has run dry and nothing has come since. */
export function isHungry(): boolean {
  return hungry;
}

/** Whether that is to be waited for awake. */
export function isPatient(): boolean {
  return clock() < awakeUntil;
}

function feed(): void {
  fedAt = clock();
  if (!hungry) return;
  hungry = false;
  Atomics.store(words, HUNGRY, 0);
}

/**
 * Says that no turn of the event loop is coming in which the records would be looked at, so that the
 * addon calls when there are any. Returns whether there are some already.
 */
export function awaitRecords(): boolean {
  if (!running) return false;
  feed(); // who sleeps is woken for more at a time
  Atomics.store(words, IDLE, 1);
  return streamed() > 0;
}

/** A turn is coming: nobody needs to call. */
export function lookSoon(): void {
  if (running) Atomics.store(words, IDLE, 0);
}

// ---- what is shared of one socket -----------------------------------------------------------------------

const ACCEPTED = 0;
const WAITING = 1;
const DRAIN_AT = WORDS_OF_CACHE_LINE;

/** What the submission thread tells of one socket, and what it is asked. */
export class Cells {
  readonly #handle: number;
  readonly #words = new Int32Array(new SharedArrayBuffer(constant('cellsSize')));

  /** @param firstId the id of the first send */
  constructor(handle: number, firstId: number) {
    this.#handle = handle;
    this.#words[ACCEPTED] = firstId;
    this.#words[DRAIN_AT] = firstId;
  }

  /** Has the thread, which runs, serve the socket. */
  use(): boolean {
    return native.useSubmitter(this.#handle, this.#words);
  }

  /** How many of the ids below `next` the kernel has not accepted. */
  unaccepted(next: number): number {
    return (next - Atomics.load(this.#words, ACCEPTED)) >>> 0;
  }

  /** Whether sends have found no room. */
  get waiting(): boolean {
    return Atomics.load(this.#words, WAITING) !== 0;
  }

  /** `drain` is to be told when all ids below `next` have been accepted. */
  askForDrain(next: number): void {
    Atomics.store(this.#words, DRAIN_AT, next);
  }
}
