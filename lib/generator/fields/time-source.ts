import { clock, monotonic, timeOrigin } from '../../base/timers.js';
import type { Source } from './sources.js';

const TWO_32 = 0x1_0000_0000;

/** Writes the time at which packets are made. Those that are made by one call of `fill` have the same. */
export class TimeSource implements Source {
  readonly #baseHigh: number;
  readonly #baseLow: number;
  readonly #perMillisecond: number;

  constructor(unit: 'ns' | 'us' | 'ms', origin: 'unix' | 'monotonic') {
    this.#perMillisecond = { ns: 1e6, us: 1e3, ms: 1 }[unit];
    const nanoseconds =
      origin === 'unix'
        ? BigInt(Math.round(timeOrigin * 1e6))
        : monotonic() - BigInt(Math.round(clock() * 1e6));
    const base = nanoseconds / BigInt(1e6 / this.#perMillisecond);
    this.#baseHigh = Number(base >> 32n);
    this.#baseLow = Number(base & 0xffff_ffffn);
  }

  seek(): void {}

  fill(high: Uint32Array, low: Uint32Array, count: number): void {
    const sum = this.#baseLow + Math.floor(clock() * this.#perMillisecond);
    low.fill(sum % TWO_32, 0, count);
    high.fill(this.#baseHigh + Math.floor(sum / TWO_32), 0, count);
  }
}
