import { invalidArgument } from '../../base/errors.js';
import { checkInteger } from '../../base/validate.js';
import type { BufferRun } from '../../index.js';
import { rangeError } from '../base/errors.js';
import { checkKeys } from '../base/validate.js';
import { BATCH } from '../fields/batch.js';
import type { AnyField } from '../fields/fields.js';
import { interleaved } from '../fields/schedule.js';
import { checkShare, compile, type PacketSequence, type Share } from '../fields/sequence.js';
import type { PacketDescription } from '../packets/description.js';
import { OFFLOAD_HEADER } from '../packets/offload.js';
import { Template, template } from '../packets/template.js';

/** One kind of packet of a mix. */
export interface MixPart {
  /** The packet, as `template` of {@link GenerateOptions}. */
  template: Template | PacketDescription;
  /** What changes from packet to packet of this kind; default nothing. */
  fields?: readonly AnyField[];
  /**
   * How many of all are of this kind: of 7, 4 and 1 it is 7 of each 12, exactly. A whole number from 1;
   * default 1.
   */
  weight?: number;
}

/**
 * How the kinds of a mix follow each other: `'interleaved'` spreads each as evenly as it goes;
 * `'sequence'` sends as many of the first as its weight says, then of the second, and so on.
 */
export type MixOrder = 'interleaved' | 'sequence';

/** What was sent of one kind of packet. */
export interface TemplateCount {
  /** Packets that the socket has accepted. */
  packets: number;
  /** Their bytes, without offload headers. */
  bytes: number;
}

const MOST_PARTS = 256;
const MOST_WEIGHT = 65_536; // of all together: the length of the schedule

/** The template of part `i`, checked. */
function compilePart(part: MixPart, i: number): PacketSequence {
  const name = `options.mix[${i}]`;
  checkKeys(name, part, ['template', 'fields', 'weight']);
  const { template: given, fields } = part;
  return compile(given instanceof Template ? given : template(given), fields);
}

/**
 * Which part each packet of a period is of.
 * @returns a list of as many as the weights add up to
 */
export function scheduleOf(weights: readonly number[], order: MixOrder): Uint32Array {
  if (order === 'interleaved') return interleaved(weights);
  return Uint32Array.from(weights.flatMap((weight, part) => Array<number>(weight).fill(part)));
}

/**
 * Several templates on one socket. A buffer may have held a packet of another one before: what of it is
 * not 0 is written anew then, and the zeros behind it are left, so a long packet of zeros costs what its
 * headers cost.
 */
export class Mix {
  readonly parts: readonly PacketSequence[];
  /** bytes of the longest packet, offload header included */
  readonly longest: number;
  /** mean bytes of a packet, without the offload header */
  readonly meanBytes: number;
  readonly #counts: TemplateCount[];
  readonly #schedule: Uint32Array;
  readonly #offload: number;
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
  #at: number;

  /** @throws as `compile` and `template`; RangeError `ERR_ZEROSEND_OUT_OF_RANGE` */
  constructor(parts: readonly MixPart[], order: MixOrder, { first, stride }: Required<Share>) {
    const weights = parts.map(({ weight = 1 }, i) =>
      checkInteger(`options.mix[${i}].weight`, weight, 1, MOST_WEIGHT),
    );
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    checkInteger('the sum of all weights', total, 1, MOST_WEIGHT);
    this.parts = parts.map(compilePart);
    const offload = this.parts.map(({ template: { offsets } }) => offsets.offload);
    if (new Set(offload).size > 1) {
      throw invalidArgument('options.mix', 'all with virtioNetHeader, or all without', parts);
    }
    this.#offload = (offload[0] ?? -1) >= 0 ? OFFLOAD_HEADER : 0;
    this.longest = Math.max(...this.parts.map(({ length }) => length));
    const sum = this.parts.reduce(
      (all, { meanLength }, i) => all + meanLength * (weights[i] as number),
      0,
    );
    this.meanBytes = sum / total - this.#offload;
    this.#counts = parts.map(() => ({ packets: 0, bytes: 0 }));
    this.#schedule = scheduleOf(weights, order);
    this.#places = parts.map(() => new Float64Array(BATCH));
    this.#open = new Uint32Array(parts.length);
    this.#numbers = parts.map(() => new Uint16Array(BATCH));
    // Of n who share the packets, each goes through the whole schedule, with every n-th packet of
    // each part: so each of them keeps the shares, and together they send each packet once.
    const turn = Math.floor(first / stride);
    this.#at = turn % total;
    const before = this.#schedule.subarray(0, this.#at);
    for (const [part, sequence] of this.parts.entries()) {
      const rounds = Math.floor(turn / total) * (weights[part] ?? 0);
      const sent = rounds + before.filter((kind) => kind === part).length;
      sequence.seek({ first: sent * stride + (first % stride), stride });
    }
  }

  /** What was sent of each part. */
  get counts(): TemplateCount[] {
    return this.#counts.map((count) => ({ ...count }));
  }

  /** Makes the packets of a run the next ones; returns their lengths, which hold until the next call. */
  stampRun(run: BufferRun): Uint32Array {
    const { memory, view, offset, stride, count, first } = run;
    this.#growTo(first + count);
    const schedule = this.#schedule;
    let at = this.#at;
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
    this.#at = at;
    for (const part of this.parts.keys()) this.#stamp(part, memory, view);
    return this.#lengths.subarray(0, count);
  }

  /** Counts the packets of the run that was stamped last as sent; returns their bytes. */
  sent(count: number): number {
    let bytes = 0;
    for (let i = 0; i < count; i++) {
      const length = (this.#lengths[i] as number) - this.#offload;
      const counted = this.#counts[this.#kinds[i] as number] as TemplateCount;
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

/** @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`, RangeError `ERR_ZEROSEND_OUT_OF_RANGE` */
export function checkMix(mix: unknown, order: unknown = 'interleaved', share: Share = {}): Mix {
  if (!Array.isArray(mix) || mix.length === 0) {
    throw invalidArgument('options.mix', 'an array that is not empty', mix);
  }
  if (mix.length > MOST_PARTS) {
    const what = `options.mix has at most ${MOST_PARTS} templates`;
    throw rangeError('ERR_ZEROSEND_OUT_OF_RANGE', `${what}; received ${mix.length}`);
  }
  if (order !== 'interleaved' && order !== 'sequence') {
    throw invalidArgument('options.mixOrder', "'interleaved' or 'sequence'", order);
  }
  checkKeys('options.share', share, ['first', 'stride']);
  return new Mix(mix, order, checkShare(share));
}
