import { native } from '../addon/addon.js';
import { refusedIndex } from '../addon/mailbox.js';
import type { Reactee } from '../addon/reactee.js';
import { reactor } from '../addon/reactor.js';
import { publish } from '../addon/submission.js';
import type { BufferPool } from '../buffers/buffer-pool.js';
import { refusal } from './refusals.js';
import type { Room } from './room.js';
import type { SocketState } from './state.js';

/** What is done to the descriptors of a socket between their being written and their being published. */
export class Lines {
  readonly room: Room;
  readonly #state: SocketState;
  readonly reactee: Reactee;
  readonly #handle: number;
  /** it sends frames, which are looked at before they are published */
  readonly #frames: boolean;

  constructor(state: SocketState, reactee: Reactee, ownPool: BufferPool | null, room: Room) {
    this.room = room;
    this.#state = state;
    this.reactee = reactee;
    this.#handle = state.handle;
    this.#frames = ownPool !== null;
  }

  /**
   * Sees to it that these sends may be published, or throws: frames that would stop the ring, or that the
   * interface does not take, must not be. Nothing may throw between this and `publish`.
   */
  check(lines: number, sends: number, lengthOf: (i: number) => number): void {
    const result = this.#frames ? this.#look(lines) : 0;
    if (result !== 0) {
      const index = refusedIndex();
      throw refusal(this.#state, result, lengthOf(index), 0, index);
    }
    this.room.make(sends, lengthOf(0), 0);
  }

  /** The same of one send by itself. */
  checkOne(length: number, flags: number): void {
    const result = this.#frames ? this.#look(1) : 0;
    if (result !== 0) throw refusal(this.#state, result, length, flags);
    this.room.make(1, length, flags);
  }

  #look(lines: number): number {
    return native.checkLines(this.#handle, lines, !this.reactee.active);
  }

  publish(lines: number): void {
    if (!this.reactee.active) reactor.markBusy(this.reactee);
    publish(lines);
  }

  /** Sends behind all that is published, by a way that has no descriptor: within the call. */
  behind<Sent>(send: () => Sent): Sent {
    native.handOver(this.#handle);
    try {
      return send();
    } finally {
      native.handOver(this.#handle); // has the thread look after what was sent
    }
  }
}
