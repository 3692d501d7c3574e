import type { BufferRun } from '../../index.js';
import { BATCH } from '../fields/batch.js';
import type { PacketSequence } from '../fields/sequence.js';
import { LaidSlots } from './laid-slots.js';
import { copyCounts, type MixParts, type TemplateCount } from './mix.js';

/** Makes runs of packets of a mix. */
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
  readonly #slots: LaidSlots;

  constructor(mix: MixParts) {
    this.#mix = mix;
    const { parts } = mix;
    this.#places = parts.map(() => new Float64Array(BATCH));
    this.#open = new Uint32Array(parts.length);
    this.#numbers = parts.map(() => new Uint16Array(BATCH));
    this.#slots = new LaidSlots(mix.longest);
  }

  get parts(): readonly PacketSequence[] {
    return this.#mix.parts;
  }

  /** What was sent of each part. */
  get counts(): TemplateCount[] {
    return copyCounts(this.#mix.counts);
  }

  /** Makes the packets of a run the next ones; returns their lengths, which hold until the next call. */
  stampRun(run: BufferRun): Uint32Array {
    const { memory, view, offset, stride, count, first } = run;
    const slots = this.#slots;
    slots.growTo(first + count);
    const { schedule, parts } = this.#mix;
    let { at } = this.#mix;
    for (let i = 0; i < count; i++) {
      const part = schedule[at] as number;
      at = at + 1 === schedule.length ? 0 : at + 1;
      const place = offset + i * stride;
      slots.lay(first + i, parts[part] as PacketSequence, memory, place);
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
    this.#slots.forget(first, count);
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
}
