import { native } from '../addon/addon.js';
import { clock, setTimeout } from '../base/timers.js';
import type { RingOrder } from '../buffers/slot-order.js';
import { describeSocket } from '../engine/kernel-facts.js';

const LOOK_MS = 10;
/** For how long frames wait for one that is held before that is told. */
const PATIENCE_MS = 1000;

/**
 * Frames of a transmit ring leave in the order in which they were acquired, so those that are sent wait
 * for one that was acquired before them. Looks after it for as long as any wait: a place that was given
 * back unsent, and that nobody fills, is passed; one that is held is told of.
 */
export class MissingFrame {
  readonly #handle: number;
  readonly #order: RingOrder;
  readonly #onPassed: () => void;
  readonly #interfaceName: () => string;
  #watching = false;
  #told = false;
  #slot = -1;
  #since = 0;
  readonly #look = () => this.#lookAfter();

  constructor(
    handle: number,
    order: RingOrder,
    of: { passed: () => void; interfaceName: () => string },
  ) {
    this.#handle = handle;
    this.#order = order;
    this.#onPassed = of.passed;
    this.#interfaceName = of.interfaceName;
  }

  /** A frame has begun to wait. */
  watch(): void {
    if (this.#watching) return;
    this.#watching = true;
    this.#slot = -1;
    this.#again(0);
  }

  // What keeps the process alive is decided in one place, the reactor.
  #again(time: number): void {
    setTimeout(this.#look, time).unref();
  }

  #lookAfter(): void {
    let passed = false;
    for (;;) {
      const { missing = -1, waiting = 0 } = describeSocket(this.#handle);
      if (missing !== this.#slot) {
        this.#slot = missing;
        this.#since = clock();
      }
      if (missing < 0) {
        this.#watching = false;
        break;
      }
      if (!this.#order.isHole(missing) || native.skip(this.#handle, missing) <= 0) {
        this.#tellIfLong(missing, waiting);
        this.#again(LOOK_MS);
        break;
      }
      this.#order.passed(missing);
      passed = true;
    }
    if (passed) this.#onPassed();
  }

  #tellIfLong(slot: number, waiting: number): void {
    if (this.#told || clock() - this.#since < PATIENCE_MS) return;
    this.#told = true;
    process.emitWarning(
      `${waiting} frames sent on interface '${this.#interfaceName()}' wait for buffer ${slot}, which was acquired before ` +
        'them and is held: frames leave in the order in which they were acquired. Send or release it',
      { type: 'ZeroSendWarning', code: 'ZEROSEND_FRAME_HELD' },
    );
  }
}
