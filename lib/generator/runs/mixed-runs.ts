import type { BufferRun } from '../../index.js';
import { BATCH } from '../fields/batch.js';
import type { PacketSequence } from '../fields/sequence.js';
import { LaidSlots } from './laid-slots.js';
import { copyCounts, type MixParts, type TemplateCount } from './mix.js';

/** One part of a mix while a run of its packets is made. */
class Part {
  /** of packets that are yet to be stamped: their places, and which of the run they are */
  readonly places = new Float64Array(BATCH);
  readonly numbers = new Uint16Array(BATCH);
  open = 0;
  /** what the run has of it, in bytes with offload headers */
  packets = 0;
  bytes = 0;

  constructor(readonly sequence: PacketSequence) {}
}

/** Makes runs of packets of a mix. */
export class MixedRuns {
  readonly #mix: MixParts;
  readonly #parts: readonly Part[];
  /** bytes of each packet, where all are alike */
  readonly #length: number | null;
  /** of each packet of the run, where they are not */
  readonly #lengths = new Uint32Array(1024);
  readonly #slots: LaidSlots;

  constructor(mix: MixParts) {
    this.#mix = mix;
    this.#parts = mix.parts.map((sequence) => new Part(sequence));
    const alike = mix.parts.every(({ _differ, length }) => !_differ && length === mix.longest);
    this.#length = alike ? mix.longest : null;
    this.#slots = new LaidSlots(mix.longest);
  }

  get parts(): readonly PacketSequence[] {
    return this.#mix.parts;
  }

  /** What was sent of each part. */
  get counts(): TemplateCount[] {
    return copyCounts(this.#mix.counts);
  }

  /**
   * Makes the packets of a run the next ones.
   * @returns the bytes of all, or of each in a list that holds until the next call
   */
  stampRun(run: BufferRun): number | Uint32Array {
    const { memory, view, offset, stride, count, first } = run;
    const slots = this.#slots;
    slots.growTo(first + count);
    const parts = this.#parts;
    for (const part of parts) part.packets = part.bytes = 0;
    const { schedule } = this.#mix;
    let { at } = this.#mix;
    for (let i = 0; i < count; i++) {
      const part = parts[schedule[at] as number] as Part;
      at = at + 1 === schedule.length ? 0 : at + 1;
      const place = offset + i * stride;
      slots.lay(first + i, part.sequence, memory, place);
      part.places[part.open] = place;
      part.numbers[part.open] = i;
      if (++part.open === BATCH) this.#stamp(part, memory, view);
    }
    this.#mix.at = at;
    for (const part of parts) this.#stamp(part, memory, view);
    return this.#length ?? this.#lengths.subarray(0, count);
  }

  /** The buffers of a run may hold anything: others have written to them. */
  forget({ first, count }: BufferRun): void {
    this.#slots.forget(first, count);
  }

  /** Counts the run that was stamped last as sent; returns its bytes. */
  sent(): number {
    const { counts, offload } = this.#mix;
    let all = 0;
    for (const [i, { packets, bytes }] of this.#parts.entries()) {
      const counted = counts[i] as TemplateCount;
      const ownBytes = bytes - packets * offload;
      counted.packets += packets;
      counted.bytes += ownBytes;
      all += ownBytes;
    }
    return all;
  }

  #stamp(part: Part, memory: Uint8Array, view: DataView): void {
    const { sequence, places, numbers, open } = part;
    if (open === 0) return;
    const lengths = sequence._stampPlaces(memory, view, places, open);
    part.packets += open;
    part.open = 0;
    if (this.#length !== null) {
      part.bytes += open * this.#length;
      return;
    }
    for (let i = 0; i < open; i++) {
      const length = typeof lengths === 'number' ? lengths : (lengths[i] as number);
      part.bytes += length;
      this.#lengths[numbers[i] as number] = length;
    }
  }
}
