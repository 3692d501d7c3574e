import type { ZeroCopySocket } from '../index.js';
import type { Pacer } from './pacer.js';

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

/** Counts what a run sends. */
export class Meter {
  readonly #socket: ZeroCopySocket;
  readonly #packetBytes: number;
  readonly #before: { failed: number; revoked: number };
  #started = 0;
  #stopped = 0;
  #packets = 0;
  #dry = 0;
  #sends = 0;
  #lastAt = 0;
  #lastPackets = 0;

  constructor(socket: ZeroCopySocket, packetBytes: number) {
    this.#socket = socket;
    this.#packetBytes = packetBytes;
    this.#before = socket.stats();
  }

  get stopped(): number {
    return this.#stopped;
  }

  start(): void {
    this.#started = performance.now();
    this.#lastAt = this.#started;
  }

  stop(): void {
    this.#stopped = performance.now();
  }

  sent(packets: number, sends: number): void {
    this.#packets += packets;
    this.#sends += sends;
  }

  dry(): void {
    this.#dry++;
  }

  progress(pacer: Pacer | null): Progress {
    const now = performance.now();
    const perSecond = ((this.#packets - this.#lastPackets) / (now - this.#lastAt)) * 1000;
    this.#lastAt = now;
    this.#lastPackets = this.#packets;
    return {
      seconds: (now - this.#started) / 1000,
      packets: this.#packets,
      bytes: this.#packets * this.#packetBytes,
      packetsPerSecond: perSecond,
      bitsPerSecond: perSecond * this.#packetBytes * 8,
      inFlight: this.#socket.inFlight,
      dry: this.#dry,
      rateError: pacer?.report(now).error ?? null,
    };
  }

  report() {
    const seconds = (this.#stopped - this.#started) / 1000;
    const packetsPerSecond = seconds > 0 ? this.#packets / seconds : 0;
    const { failed, revoked } = this.#socket.stats();
    return {
      packets: this.#packets,
      bytes: this.#packets * this.#packetBytes,
      seconds,
      packetsPerSecond,
      bitsPerSecond: packetsPerSecond * this.#packetBytes * 8,
      sends: this.#sends,
      failed: failed - this.#before.failed + (revoked - this.#before.revoked),
      unfinished: this.#socket.inFlight,
      dry: this.#dry,
    };
  }
}
