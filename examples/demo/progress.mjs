// @ts-check
// What is going on, while it goes on: one line that is rewritten on a terminal, else a line a second.
import { bits, bytes, count } from './format.mjs';

/**
 * @typedef {object} Watcher what a running transport gets
 * @property {AbortSignal} signal aborted: come to an end
 * @property {(snapshot: () => import('./result.mjs').Snapshot, name?: string) => void} watch where
 *   to look, and another name than the transport's own
 */

const ON_TERMINAL = 200; // ms
const ELSEWHERE = 1_000; // ms

export class Progress {
  #stream;
  #seconds;
  #name = '';
  /** @type {(() => import('./result.mjs').Snapshot) | null} */
  #snapshot = null;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;

  /** @param {NodeJS.WriteStream} stream @param {number} seconds that a transport takes */
  constructor(stream, seconds) {
    this.#stream = stream;
    this.#seconds = seconds;
  }

  /** @param {string} name */
  start(name) {
    this.#name = name;
    this.#snapshot = null;
    this.#timer = setInterval(() => this.#show(), this.#stream.isTTY ? ON_TERMINAL : ELSEWHERE);
  }

  /** @param {() => import('./result.mjs').Snapshot} snapshot @param {string} [name] */
  watch(snapshot, name = this.#name) {
    this.#snapshot = snapshot;
    this.#name = name;
  }

  stop() {
    clearInterval(this.#timer);
    if (this.#stream.isTTY) this.#stream.write('\r\x1b[K');
  }

  #show() {
    if (this.#snapshot === null) return;
    const line = progressLine(this.#name, this.#seconds, this.#snapshot());
    if (!this.#stream.isTTY) this.#stream.write(`${line}\n`);
    else this.#stream.write(`\r${line.slice(0, this.#stream.columns - 1)}\x1b[K`);
  }
}

/**
 * @param {string} name @param {number} seconds in all
 * @param {import('./result.mjs').Snapshot} snapshot
 */
export function progressLine(name, seconds, snapshot) {
  const { seconds: passed, sends, bytes: sent, inFlight, pool } = snapshot;
  return [
    `${name.padEnd(9)} ${passed.toFixed(1)}/${seconds} s`,
    `${count(sends)} sends`,
    bytes(sent),
    bits(passed === 0 ? 0 : (sent * 8) / passed),
    `${count(inFlight)} in flight`,
    `pool ${pool.free}/${pool.total}`,
  ].join('  ');
}
