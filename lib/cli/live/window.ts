import type { Reading } from './snapshot.js';

/** The length of the window: rates are those of this time, and ids are late after it. */
const SECONDS = 1;

/** The readings of the last second, and the rates that follow from them. */
export class Window {
  /** The oldest one is at least a second old, once there is one. */
  readonly #readings: Reading[] = [];

  add(reading: Reading): void {
    const readings = this.#readings;
    readings.push(reading);
    while (readings.length > 2 && reading.seconds - (readings[1]?.seconds ?? 0) >= SECONDS) {
      readings.shift();
    }
  }

  /** The reading from which rates are counted; null for the start of the run. */
  get oldest(): Reading | null {
    return this.#readings.length > 1 ? (this.#readings[0] as Reading) : null;
  }

  /**
   * The rates from the oldest reading to the newest; with a single one, from the start of the run.
   */
  rates() {
    const last = this.#readings.at(-1);
    const first = this.#readings.length > 1 ? this.#readings[0] : undefined;
    const seconds = (last?.seconds ?? 0) - (first?.seconds ?? 0);
    const since = (key: 'packets' | 'bytes') => (last?.[key] ?? 0) - (first?.[key] ?? 0);
    const over = (amount: number) => (seconds > 0 ? amount / seconds : 0);
    return { packetsPerSecond: over(since('packets')), bitsPerSecond: over(since('bytes') * 8) };
  }

  /**
   * Ids that were given out a second ago and have not completed. Only counts are known, so later
   * ids that have completed already are taken for earlier ones.
   */
  late({ seconds, sends, inFlight }: Reading): number {
    const [oldest] = this.#readings;
    if (oldest === undefined || seconds - oldest.seconds < SECONDS) return 0;
    return Math.max(0, oldest.sends - (sends - inFlight));
  }
}
