// @ts-check
// What the programs of the truth tests share: the books of a socket, and what a process weighs.
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { IdChecker } from '../../../rig/ids.mjs';

export { given, say } from '../../support/say.mjs';

/** What a socket's ids have come to; to be made before the first send. */
export class Books {
  #ids;

  /** @param {import('zerosend').ZeroCopySocket} socket */
  constructor(socket) {
    this.socket = socket;
    this.#ids = IdChecker.of(socket);
  }

  /** Every id exactly once: `missing`, `twice` and `unknown` are 0. */
  balance() {
    const { ranges, late } = this.#ids;
    const { inFlight } = this.socket;
    return { ...this.#ids.result(), ranges, late, inFlight, stats: this.socket.stats() };
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
  if (b === null) return a; // not measured
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
