// @ts-check
// What is measured and checked around each send and each completion.
import { createHistogram, performance } from 'node:perf_hooks';
import { IdChecker } from '../../rig/ids.mjs';

const RING = 2 ** 16; // ids whose time is known; far more than are ever in flight
const MASK = RING - 1;

/** @typedef {import('zerosend').CompletionRange} CompletionRange */

export class Meter {
  ids = new IdChecker();
  bytes = 0;
  ranges = 0;
  /** @type {Record<CompletionRange['how'], number>} */
  how = { zerocopy: 0, copied: 0, inline: 0, revoked: 0, failed: 0 };
  #times = new Float64Array(RING); // by id & MASK: when it was sent, in ms
  #owners = new Float64Array(RING).fill(-1); // whose time that is
  #latency = createHistogram();

  /**
   * Sends, and notes when.
   * @param {import('zerosend').ZeroCopySocket} socket
   * @param {import('zerosend').PooledBuffer} buffer @param {number} length
   */
  send(socket, buffer, length) {
    const before = performance.now();
    const id = sendOrRelease(socket, buffer, length);
    this.#times[id & MASK] = before;
    this.#owners[id & MASK] = id;
    this.ids.send(id);
    this.bytes += length;
  }

  /** Listens to `complete`. @param {CompletionRange} range */
  complete = (range) => {
    const { first, last, how } = range;
    const now = performance.now();
    this.ids.complete(range);
    this.ranges++;
    this.how[how] += last - first + 1;
    for (let id = first; id <= last; id++) {
      if (this.#owners[id & MASK] !== id) continue;
      const milliseconds = now - /** @type {number} */ (this.#times[id & MASK]);
      this.#latency.record(Math.max(1, Math.round(milliseconds * 1e6)));
    }
  };

  /** From the call of send to the event, in µs; null before the first. */
  latency() {
    if (this.#latency.count === 0) return null;
    const at = (/** @type {number} */ p) => this.#latency.percentile(p) / 1e3;
    return { p50: at(50), p99: at(99) };
  }
}

/**
 * A send that throws leaves the buffer with its caller.
 * @param {import('zerosend').ZeroCopySocket} socket
 * @param {import('zerosend').PooledBuffer} buffer @param {number} length
 */
function sendOrRelease(socket, buffer, length) {
  try {
    return socket.send(buffer, length);
  } catch (error) {
    buffer.release();
    throw error;
  }
}
