import { native } from '../addon/addon.js';
import { clock, setTimeout } from '../base/timers.js';
import type { RingOrder } from '../buffers/slot-order.js';
import { describeSocket } from '../engine/kernel-facts.js';

const LOOK_MS = 10;
/** After this time of waiting for a frame that the program holds, a warning is emitted. */
const WARN_AFTER_MS = 1000;

const HELD =
  'was acquired before them and is held: frames leave in the order in which they were acquired. ' +
  'Send or release it';
const NO_LOOPBACK =
  'is back in the pool unsent. The ring goes past its place by way of the loopback device, which ' +
  'does not work: set it up, or send that buffer, which is the next one that the pool hands out';

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
        this.#hasWarned = false;
      }
      if (missing < 0) {
        this.#watching = false;
        break;
      }
      const isHole = this.#order.isHole(missing);
      const answer = isHole ? native.skip(this.#handle, missing) : -1;
      if (answer <= 0) {
        // 0: the frames before it have not left, which is not for want of this one
        if (answer < 0) this.#warnIfLong(missing, waiting, isHole ? NO_LOOPBACK : HELD);
        this.#again(LOOK_MS);
        break;
      }
      this.#order.passed(missing);
      passed = true;
    }
    if (passed) this.#onPassed();
  }

  #warnIfLong(slot: number, waiting: number, why: string): void {
    if (this.#hasWarned || clock() - this.#since < WARN_AFTER_MS) return;
    this.#hasWarned = true;
    process.emitWarning(
      `${waiting} frames sent on interface '${this.#interfaceName()}' wait for buffer ${slot}, which ${why}`,
      { type: 'ZeroSendWarning', code: 'ZEROSEND_FRAME_HELD' },
    );
  }
}
