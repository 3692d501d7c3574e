import { clock } from '../../base/timers.js';
import type { ZeroCopySocket } from '../../index.js';

/** How a run is doing. */
export interface Progress {
  /** Since the start. */
  seconds: number;
  packets: number;
  bytes: number;
  /** Since the last progress. */
  packetsPerSecond: number;
  bitsPerSecond: number;
  /** Sends that have not completed. */
  inFlight: number;
  /** How often no buffer was free. */
  dry: number;
  /** By how much the rate was missed so far (0.01: one percent too many); null without a rate. */
  rateError: number | null;
}

/** Mean rates of what was sent in `seconds`; 0 where that is 0. */
export function meanRates(packets: number, bytes: number, seconds: number) {
  return {
    packetsPerSecond: seconds > 0 ? packets / seconds : 0,
    bitsPerSecond: seconds > 0 ? (bytes * 8) / seconds : 0,
  };
}

/** Counts what a run sends, and makes the figures of its progress and its report. */
export class Meter {
  readonly #socket: ZeroCopySocket;
  readonly #before: { failed: number; revoked: number; interfaceDropped: number };
  #started = 0;
  #stopped = 0;
  #packets = 0;
  #bytes = 0;
  #dry = 0;
  #sends = 0;
  #lastAt = 0;
  #lastPackets = 0;
  #lastBytes = 0;

  constructor(socket: ZeroCopySocket) {
    this.#socket = socket;
    this.#before = socket.stats();
  }

  get stopped(): number {
    return this.#stopped;
  }

  /** @param at in ms of performance.now() */
  start(at: number): void {
    this.#started = at;
    this.#lastAt = at;
  }

  stop(): void {
    this.#stopped = clock();
  }

  sent(packets: number, bytes: number, sends: number): void {
    this.#packets += packets;
    this.#bytes += bytes;
    this.#sends += sends;
  }

  /** Counts that no buffer was free. */
  dry(): void {
    this.#dry++;
  }

  progress(rateError: number | null): Progress {
    const now = clock();
    const seconds = Math.max(1e-6, (now - this.#lastAt) / 1000);
    const packetsPerSecond = (this.#packets - this.#lastPackets) / seconds;
    const bitsPerSecond = ((this.#bytes - this.#lastBytes) * 8) / seconds;
    this.#lastAt = now;
    this.#lastPackets = this.#packets;
    this.#lastBytes = this.#bytes;
    return {
      seconds: (now - this.#started) / 1000,
      packets: this.#packets,
      bytes: this.#bytes,
      packetsPerSecond,
      bitsPerSecond,
      inFlight: this.#socket.inFlight,
      dry: this.#dry,
      rateError,
    };
  }

  report() {
    const seconds = Math.max(0, this.#stopped - this.#started) / 1000;
    const { failed, revoked, interfaceDropped } = this.#socket.stats();
    return {
      packets: this.#packets,
      bytes: this.#bytes,
      seconds,
      ...meanRates(this.#packets, this.#bytes, seconds),
      sends: this.#sends,
      failed: failed - this.#before.failed + (revoked - this.#before.revoked),
      unfinished: this.#socket.inFlight,
      dry: this.#dry,
      interfaceDropped: interfaceDropped - this.#before.interfaceDropped,
    };
  }
}
