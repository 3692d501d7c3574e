import { native } from '../addon/addon.js';
import { clock, setTimeout } from '../base/timers.js';
import type { RingOrder } from '../buffers/slot-order.js';
import { describeSocket } from '../engine/kernel-facts.js';

const LOOK_MS = 10;
/** After this time of waiting for a frame that the program holds, a warning is emitted. */
const WARN_AFTER_MS = 1000;

/**
 * Frames of a transmit ring leave in the order in which they were acquired, so a frame that is sent
 * waits for those that were acquired before it. While any frame waits, this class looks at the one
 * that is waited for. If it was given back unsent and is not acquired again, the ring is made to go
 * past its place. If the program still holds it, a warning says so.
 */
export class MissingFrame {
  readonly #handle: number;
  readonly #order: RingOrder;
  readonly #onPassed: () => void;
  readonly #interfaceName: () => string;
  #watching = false;
  #hasWarned = false;
  #slot = -1;
  #since = 0;
  readonly #look = () => this.#passOrWarn();

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

  /** Begins to look, when a frame has begun to wait. */
  watch(): void {
    if (this.#watching) return;
    this.#watching = true;
    this.#slot = -1;
    this.#again(0);
  }

  // The timer does not keep the process alive: the reactor alone decides what does.
  #again(time: number): void {
    setTimeout(this.#look, time).unref();
  }

  #passOrWarn(): void {
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
        this.#warnIfLong(missing, waiting);
        this.#again(LOOK_MS);
        break;
      }
      this.#order.passed(missing);
      passed = true;
    }
    if (passed) this.#onPassed();
  }

  #warnIfLong(slot: number, waiting: number): void {
    if (this.#hasWarned || clock() - this.#since < WARN_AFTER_MS) return;
    this.#hasWarned = true;
    process.emitWarning(
      `${waiting} frames sent on interface '${this.#interfaceName()}' wait for buffer ${slot}, which was acquired before ` +
        'them and is held: frames leave in the order in which they were acquired. Send or release it',
      { type: 'ZeroSendWarning', code: 'ZEROSEND_FRAME_HELD' },
    );
  }
}
