import type { PacketSequence } from '../fields/sequence.js';

/**
 * Which packets the buffers of a pool hold. One that has held a packet of another sequence is laid anew: what is
 * not 0 is written, and the zeros behind it are left, so a long packet of zeros costs what its headers cost.
 */
export class LaidSlots {
  /** bytes of a buffer that may hold anything, of one that was not laid yet */
  readonly #size: number;
  #holds: (PacketSequence | null)[] = [];
  /** of each slot: from where on it holds zeros */
  #zeros = new Uint32Array(0);

  constructor(size: number) {
    this.#size = size;
  }

  /** Slots below this one may be laid from now on. */
  growTo(slots: number): void {
    const known = this.#holds.length;
    if (slots <= known) return;
    const size = Math.max(slots, 2 * known);
    while (this.#holds.length < size) this.#holds.push(null);
    const zeros = new Uint32Array(size).fill(this.#size);
    zeros.set(this.#zeros);
    this.#zeros = zeros;
  }

  /** Has a slot, which begins at `place`, hold a packet of the sequence, yet to be stamped. */
  lay(slot: number, sequence: PacketSequence, memory: Uint8Array, place: number): void {
    if (this.#holds[slot] !== sequence) this.#write(slot, sequence, memory, place);
  }

  #write(slot: number, sequence: PacketSequence, memory: Uint8Array, place: number): void {
    const laid = sequence._laid;
    const end = laid.length;
    memory.set(laid, place);
    const zeros = this.#zeros[slot] as number;
    if (zeros > end) memory.fill(0, place + end, place + zeros);
    this.#zeros[slot] = end;
    this.#holds[slot] = sequence;
  }

  /** These slots may hold anything: others write to them. */
  forget(first: number, count: number): void {
    this.growTo(first + count);
    this.#holds.fill(null, first, first + count);
    this.#zeros.fill(this.#size, first, first + count);
  }
}
