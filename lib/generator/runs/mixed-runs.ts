import type { BufferRun } from '../../index.js';
import { BATCH } from '../fields/batch.js';
import type { PacketSequence } from '../fields/sequence.js';
import { copyCounts, type MixParts, type TemplateCount } from './mix.js';

/**
 * Makes runs of packets of a mix. A buffer may have held a packet of another one before: what of it is
 * not 0 is written anew then, and the zeros behind it are left, so a long packet of zeros costs what its
 * headers cost.
 */
export class MixedRuns {
  readonly #mix: MixParts;
  /** for each part: the places of packets that are yet to be stamped */
  readonly #places: Float64Array[];
  readonly #open: Uint32Array;
  /** which of the run those are */
  readonly #numbers: Uint16Array[];
  /** the part of each packet of the run, and its length */
  readonly #kinds = new Uint16Array(1024);
  readonly #lengths = new Uint32Array(1024);
  /** for each slot: the part that it holds, and where its zeros begin */
  #holds = new Int32Array(0);
  #zeros = new Uint32Array(0);

  constructor(mix: MixParts) {
    this.#mix = mix;
    const { parts } = mix;
    this.#places = parts.map(() => new Float64Array(BATCH));
    this.#open = new Uint32Array(parts.length);
    this.#numbers = parts.map(() => new Uint16Array(BATCH));
  }

  get parts(): readonly PacketSequence[] {
    return this.#mix.parts;
  }

  get longest(): number {
    return this.#mix.longest;
  }

  get meanBytes(): number {
    return this.#mix.meanBytes;
  }

  /** What was sent of each part. */
  get counts(): TemplateCount[] {
    return copyCounts(this.#mix.counts);
  }

  /** Makes the packets of a run the next ones; returns their lengths, which hold until the next call. */
  stampRun(run: BufferRun): Uint32Array {
    const { memory, view, offset, stride, count, first } = run;
    this.#growTo(first + count);
    const { schedule } = this.#mix;
    let { at } = this.#mix;
    for (let i = 0; i < count; i++) {
      const part = schedule[at] as number;
      at = at + 1 === schedule.length ? 0 : at + 1;
      const place = offset + i * stride;
      const slot = first + i;
      if (this.#holds[slot] !== part) this.#lay(memory, place, slot, part);
      this.#kinds[i] = part;
      const open = this.#open[part] as number;
      (this.#places[part] as Float64Array)[open] = place;
      (this.#numbers[part] as Uint16Array)[open] = i;
      this.#open[part] = open + 1;
      if (open + 1 === BATCH) this.#stamp(part, memory, view);
    }
    this.#mix.at = at;
    for (const part of this.parts.keys()) this.#stamp(part, memory, view);
    return this.#lengths.subarray(0, count);
  }

  /** The buffers of a run may hold anything: others have written to them. */
  forget({ first, count }: BufferRun): void {
    this.#growTo(first + count);
    this.#holds.fill(-1, first, first + count);
    this.#zeros.fill(this.longest, first, first + count);
  }

  /** Counts the packets of the run that was stamped last as sent; returns their bytes. */
  sent(count: number): number {
    const { counts, offload } = this.#mix;
    let bytes = 0;
    for (let i = 0; i < count; i++) {
      const length = (this.#lengths[i] as number) - offload;
      const counted = counts[this.#kinds[i] as number] as TemplateCount;
      counted.packets++;
      counted.bytes += length;
      bytes += length;
    }
    return bytes;
  }

  #stamp(part: number, memory: Uint8Array, view: DataView): void {
    const count = this.#open[part] as number;
    if (count === 0) return;
    const places = this.#places[part] as Float64Array;
    const sequence = this.parts[part] as PacketSequence;
    const lengths = sequence._stampPlaces(memory, view, places, count);
    const numbers = this.#numbers[part] as Uint16Array;
    for (let j = 0; j < count; j++) {
      const length = typeof lengths === 'number' ? lengths : (lengths[j] as number);
      this.#lengths[numbers[j] as number] = length;
    }
    this.#open[part] = 0;
  }

  #lay(memory: Uint8Array, place: number, slot: number, part: number): void {
    const { _laid: laid } = this.parts[part] as PacketSequence;
    const end = laid.length;
    memory.set(laid, place);
    const zeros = this.#zeros[slot] as number;
    if (zeros > end) memory.fill(0, place + end, place + zeros);
    this.#zeros[slot] = end;
    this.#holds[slot] = part;
  }

  /** Slots that were not seen yet may hold anything. */
  #growTo(slots: number): void {
    const known = this.#holds.length;
    if (slots <= known) return;
    const size = Math.max(slots, 2 * known);
    const holds = new Int32Array(size).fill(-1);
    const zeros = new Uint32Array(size).fill(this.longest);
    holds.set(this.#holds);
    zeros.set(this.#zeros);
    this.#holds = holds;
    this.#zeros = zeros;
  }
}
