import type { CompletionRange } from '../../index.js';
import type { Running } from './stream.js';

/** Of so many ids it is known whose they are. */
const KNOWN_IDS = 65_536;

/** Whose packet an id is. */
export class Owners {
  /** by the lowest bits of ids */
  readonly #owners: Running[] = [];
  #nextId = 0;

  note(id: number, stream: Running): void {
    this.#owners[id % KNOWN_IDS] = stream;
    this.#nextId = id + 1;
  }

  /** Counts what has failed. */
  readonly onComplete = ({ first, last, how }: CompletionRange): void => {
    if (how !== 'failed' && how !== 'revoked') return;
    for (let id = Math.max(first, this.#nextId - KNOWN_IDS); id <= last; id++) {
      const stream = this.#owners[id % KNOWN_IDS];
      if (stream) stream.failed++;
    }
  };
}
