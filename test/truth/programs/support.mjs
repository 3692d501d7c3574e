// @ts-check
// What the programs of the truth tests share: the books of a socket, and what a process weighs.
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

export { given, say } from '../../support/say.mjs';

/** @typedef {import('zerosend').CompletionRange} CompletionRange */
/** @typedef {import('zerosend').ZeroCopySocket} ZeroCopySocket */

/** How often each id of a socket has completed, and how. To be made before the first send. */
export class Books {
  #times = new Uint8Array(256);
  /** @type {Record<string, number>} ids by how they completed */
  tally = {};
  ranges = 0;
  /** ranges that reached the kernel and completed after later ones */
  late = 0;
  foreign = 0;
  #latest = -1;

  /** @param {ZeroCopySocket} socket */
  constructor(socket) {
    this.socket = socket;
    socket.on('complete', (range) => this.#enter(range));
  }

  /** @param {CompletionRange} range */
  #enter(range) {
    const { first, last, how } = range;
    this.ranges++;
    if (how !== 'failed') {
      if (first < this.#latest) this.late++;
      this.#latest = last;
    }
    // While it runs: an id that has not been given out yet must not complete.
    if (!(first >= 0 && first <= last && last < this.socket.nextId)) {
      this.foreign++;
      return;
    }
    if (last >= this.#times.length) this.#grow(last);
    for (let id = first; id <= last; id++) {
      const times = /** @type {number} */ (this.#times[id]);
      if (times < 255) this.#times[id] = times + 1;
    }
    this.tally[how] = (this.tally[how] ?? 0) + last - first + 1;
  }

  /** @param {number} id */
  #grow(id) {
    const larger = new Uint8Array(2 ** Math.ceil(Math.log2(id + 1)));
    larger.set(this.#times);
    this.#times = larger;
  }

  /** Every id exactly once: `missing`, `twice` and `foreign` are 0. */
  balance() {
    const ids = this.socket.nextId;
    let missing = 0;
    let twice = 0;
    for (let id = 0; id < ids; id++) {
      const times = this.#times[id] ?? 0;
      if (times === 0) missing++;
      if (times > 1) twice++;
    }
    return {
      ids,
      missing,
      twice,
      foreign: this.foreign,
      ranges: this.ranges,
      late: this.late,
      tally: this.tally,
      inFlight: this.socket.inFlight,
      stats: this.socket.stats(),
    };
  }
}

/** The sum of the balances of many sockets. @param {Iterable<Books>} all */
export function balanceOf(all) {
  /** @type {ReturnType<Books['balance']> | undefined} */
  let sum;
  for (const books of all) {
    const each = books.balance();
    sum = sum === undefined ? structuredClone(each) : /** @type {typeof each} */ (add(sum, each));
  }
  return sum;
}

/** @param {any} a @param {any} b @returns {any} */
function add(a = 0, b = 0) {
  if (typeof b === 'number') return a + b;
  const sum = { ...a };
  for (const key of Object.keys(b)) sum[key] = add(sum[key], b[key]);
  return sum;
}

/** What the process weighs now, garbage collected. Needs --expose-gc. */
export async function census() {
  for (let i = 0; i < 4; i++) {
    globalThis.gc?.();
    await turn(); // finalizers run between turns
  }
  const { heapUsed, external } = process.memoryUsage();
  const resident = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return {
    heap: heapUsed + external,
    resident: Number(resident) * 1024,
    descriptors: readdirSync('/proc/self/fd').length - 1, // less the one that reads the folder
    threads: readdirSync('/proc/self/task').length,
  };
}

/** Bytes on transparent huge pages, of the mappings that ask for them (flag hg; proc(5)). */
export function hugeBytes() {
  let bytes = 0;
  let ofMapping = 0;
  for (const line of readFileSync('/proc/self/smaps', 'utf8').split('\n')) {
    const [name, value] = line.split(/\s+/);
    if (name === 'AnonHugePages:') ofMapping = Number(value) * 1024;
    if (name === 'VmFlags:' && line.includes(' hg')) bytes += ofMapping;
  }
  return bytes;
}

/** @returns {Promise<void>} */
export function turn() {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** @param {number} ms @returns {Promise<void>} */
export function sleep(ms) {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}

/** How many of [first, last, first, last, ...] begin below where the one before ended. */
export function disorderOf(/** @type {number[]} */ ranges) {
  let disorder = 0;
  for (let i = 2; i < ranges.length; i += 2) {
    if (Number(ranges[i]) < Number(ranges[i - 1])) disorder++;
  }
  return disorder;
}

/**
 * The hooks of the test build, which the test has chosen with ZEROSEND_NATIVE.
 * @returns {{
 *   setOption(fd: number, level: number, name: number, value: number): number,
 *   inject(call: string, fault: object): void,
 *   faults(call: string): { calls: number, struck: number },
 *   reportedRanges(): number[],
 *   setMapCount(count: number): void,
 * }}
 */
export function hooks() {
  const path = process.env.ZEROSEND_NATIVE;
  if (path === undefined) throw new Error('not the test build');
  return createRequire(import.meta.url)(path);
}
