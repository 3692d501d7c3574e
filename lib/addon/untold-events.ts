import type { Reactee } from './reactee.js';

/** Of one event: kind, first, last, low. */
const NUMBERS = 4;

/**
 * Events that have been taken in and are to be told, in their order. The arrays are never cut, which would
 * give their memory back: a steady flow does not allocate.
 */
export class UntoldEvents {
  count = 0;
  readonly #sockets: (Reactee | null)[] = [];
  readonly #numbers: number[] = [];

  /** @param low the id below which all have completed */
  add(socket: Reactee, kind: number, first: number, last: number, low: number): void {
    const event = this.count++;
    const numbers = this.#numbers;
    this.#sockets[event] = socket;
    numbers[NUMBERS * event] = kind;
    numbers[NUMBERS * event + 1] = first;
    numbers[NUMBERS * event + 2] = last;
    numbers[NUMBERS * event + 3] = low;
  }

  /** The socket of an event, which is no longer kept alive by it. */
  take(event: number): Reactee {
    const socket = this.#sockets[event] as Reactee;
    this.#sockets[event] = null;
    return socket;
  }

  tell(event: number, socket: Reactee): void {
    const numbers = this.#numbers;
    socket.tell(
      numbers[NUMBERS * event] as number,
      numbers[NUMBERS * event + 1] as number,
      numbers[NUMBERS * event + 2] as number,
      numbers[NUMBERS * event + 3] as number,
    );
  }

  /** The first `end` have been told. */
  drop(end: number): void {
    const left = this.count - end;
    if (left > 0) {
      const sockets = this.#sockets;
      this.#numbers.copyWithin(0, NUMBERS * end, NUMBERS * this.count);
      sockets.copyWithin(0, end, this.count);
      sockets.fill(null, left, this.count);
    }
    this.count = left;
  }
}
