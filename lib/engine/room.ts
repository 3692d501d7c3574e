import { native, REFUSED_CLOSED, REFUSED_QUEUE_FULL } from '../addon/addon.js';
import { refusal } from './refusals.js';
import type { SocketState } from './state.js';
import type { Submission } from './submission.js';

/** Whether more may be published on a socket: `maxQueuedSends` are published and not accepted at most. */
export class Room {
  readonly #state: SocketState;
  readonly #submission: Submission;
  readonly #most: number;
  /** so many that the kernel has not accepted are a queue that should drain */
  readonly #many: number;
  /** From this id on, how far the kernel has come is to be asked. */
  #askFrom: number;

  constructor(state: SocketState, submission: Submission, most: number) {
    this.#state = state;
    this.#submission = submission;
    this.#most = most;
    this.#many = Math.max(1, most >> 1);
    this.#askFrom = state.firstId + this.#many;
  }

  /** Sees to it that so many more may be published, or throws. Nothing may throw between this and that. */
  make(count: number, length: number, flags: number): void {
    const { needDrain, phase, inFlight } = this.#state;
    if (inFlight.next + count > this.#askFrom || needDrain || phase !== 'open') {
      this.#ask(count, length, flags);
    }
  }

  #ask(count: number, length: number, flags: number): void {
    const state = this.#state;
    if (state.phase !== 'open') throw refusal(state, REFUSED_CLOSED, length, flags);
    const { cells } = this.#submission;
    const { next } = state.inFlight;
    let unaccepted = cells.unaccepted(next);
    if (unaccepted + count > this.#most) {
      native.handOver(state.handle);
      unaccepted = cells.unaccepted(next);
      if (unaccepted + count > this.#most) {
        this.#submission.noteWaiting();
        throw refusal(state, REFUSED_QUEUE_FULL, length, flags);
      }
    }
    if (unaccepted + count > this.#many || state.needDrain) {
      cells.askForDrain(next + count); // before they are published
      state.waitForDrain(next + count - 1);
    }
    this.#askFrom = next - unaccepted + this.#many;
  }
}
