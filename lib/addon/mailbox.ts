import {
  ADDRESS_SIZE,
  BATCH_RECORDS,
  constant,
  MAX_REQUESTS,
  native,
  RECORD_SIZE,
  REQUEST_SIZE,
} from './addon.js';

/*
 * The memory that both sides share (struct Mailbox in native/node/environment.h), with a name for each
 * of its fields. To write five integers here costs less than to pass five arguments through Node-API.
 *
 * The views and the places in them are constants of this module, so TurboFan folds them into whatever it
 * inlines these functions into. An exported view would be loaded, and its type checked, at each use.
 */

// These two are not called through the addon's object: it has so many properties that V8 keeps them
// in a dictionary, and looking one up costs more.
const { send: nativeSend, sendRun: nativeSendRun } = native;

const call = new Int32Array(native.mailbox, constant('callOffset'), 6);
const HANDLE = 0;
const SLAB = 1;
const SLOT = 2;
const LENGTH = 3;
const COUNT = 3; // of a run
const FLAGS = 4;
const ANSWER = 5;

const queued = new Uint32Array(native.mailbox, constant('queuedOffset'), 1);

const time = new Float64Array(native.mailbox, constant('timeOffset'), 1);
const timed = new Uint32Array(native.mailbox, constant('timedOffset'), 1);

const requests = new Uint32Array(
  native.mailbox,
  constant('requestsOffset'),
  MAX_REQUESTS * REQUEST_SIZE,
);
const REQUEST = REQUEST_SIZE;
// added to a length of a run whose message is to be sent with MSG_ZEROCOPY
const RUN_ZERO_COPY = 2 ** 31;

const begins = new Uint32Array(native.mailbox, constant('beginsOffset'), MAX_REQUESTS);
const destinations = new Uint32Array(
  native.mailbox,
  constant('destinationsOffset'),
  MAX_REQUESTS * ADDRESS_SIZE,
);
const ADDRESS = ADDRESS_SIZE;

const batch = new Float64Array(
  native.mailbox,
  constant('batchOffset'),
  BATCH_RECORDS * RECORD_SIZE,
);
const RECORD = RECORD_SIZE;

/**
 * Sends a slot. Returns 0, 1 when sends of the socket wait for room, PROMPT (only with
 * FLAG_PROMPT), LOOK_BACK (accepted as with 0), or a negated errno or refusal.
 */
export function sendSlot(
  handle: number,
  slab: number,
  slot: number,
  length: number,
  flags: number,
): number {
  call[HANDLE] = handle;
  call[SLAB] = slab;
  call[SLOT] = slot;
  call[LENGTH] = length;
  call[FLAGS] = flags;
  nativeSend();
  return call[ANSWER] as number;
}

/**
 * Sends neighbouring slots, whose lengths `writeRunLength` has written. Returns what `sendSlot`
 * does.
 * @param flags of the call
 */
export function sendSlots(
  handle: number,
  slab: number,
  first: number,
  count: number,
  flags: number,
): number {
  call[HANDLE] = handle;
  call[SLAB] = slab;
  call[SLOT] = first;
  call[COUNT] = count;
  call[FLAGS] = flags;
  nativeSendRun();
  return call[ANSWER] as number;
}

/** From now on `native.poll` notes when it has looked. */
export function noteTimes(): void {
  timed[0] = 1;
}

/** When the latest `native.poll` has looked, in nanoseconds of CLOCK_MONOTONIC; 0 before `noteTimes`. */
export function notedTime(): number {
  return time[0] as number;
}

/** How many sends wait for room, on the socket of the last send that was accepted. */
export function waitingSends(): number {
  return queued[0] as number;
}

/** Which message of the last batch or run that failed was the one refused. */
export function refusedIndex(): number {
  return queued[0] as number;
}

/**
 * Writes message `i` of what `native.sendMany` is to send.
 * @param flags where it is part `i` of one send (`sendExtents`, `sendPacket`), its offset in the slot
 */
export function writeRequest(
  i: number,
  slab: number,
  slot: number,
  length: number,
  flags: number,
): void {
  const at = i * REQUEST;
  requests[at] = slab;
  requests[at + 1] = slot;
  requests[at + 2] = length;
  requests[at + 3] = flags;
}

export function requestLength(i: number): number {
  return requests[i * REQUEST + 2] as number;
}

/** Writes the length of buffer `i` of a run. */
export function writeRunLength(i: number, length: number, zeroCopy: boolean): void {
  requests[i] = zeroCopy ? length + RUN_ZERO_COPY : length;
}

/** Writes the same length for the first `count` buffers of a run. */
export function fillRunLengths(count: number, length: number, zeroCopy: boolean): void {
  requests.fill(zeroCopy ? length + RUN_ZERO_COPY : length, 0, count);
}

export function runLength(i: number): number {
  return (requests[i] as number) & (RUN_ZERO_COPY - 1);
}

/** The last byte at which a message or a part can begin: it is told to the addon in 32 bits. */
export const LAST_BEGIN = 2 ** 32 - 1;

/** Writes where in its memory message `i` begins, for FLAG_BEGIN. A single send is message 0. */
export function writeBegin(i: number, begin: number): void {
  begins[i] = begin;
}

export function beginOf(i: number): number {
  return begins[i] as number;
}

/** Writes where message `i` goes: an address that `readDestination` has returned. */
export function writeDestination(i: number, address: Uint32Array): void {
  // Of few words, for which a call costs more than they do.
  for (let j = 0, at = i * ADDRESS; j < ADDRESS; j++, at++) destinations[at] = address[j] as number;
}

/** A copy of the first destination, which `native.setDestination` has written. */
export function readDestination(): Uint32Array {
  return destinations.slice(0, ADDRESS);
}

// The fields of record `i`. `native.poll` and the delivery of the poller thread write the records.

export function recordHandle(i: number): number {
  return batch[i * RECORD] as number;
}

export function recordKind(i: number): number {
  return batch[i * RECORD + 1] as number;
}

export function recordFirst(i: number): number {
  return batch[i * RECORD + 2] as number;
}

export function recordLast(i: number): number {
  return batch[i * RECORD + 3] as number;
}
