import { invalidArgument } from '../../base/errors.js';
import { checkInteger } from '../../base/validate.js';
import { rangeError } from '../base/errors.js';
import { checkKeys } from '../base/validate.js';
import type { AnyField } from '../fields/fields.js';
import { interleaved } from '../fields/schedule.js';
import { checkShare, compile, type PacketSequence, type Share } from '../fields/sequence.js';
import type { PacketDescription } from '../packets/description.js';
import { OFFLOAD_HEADER } from '../packets/offload.js';
import { Template, template } from '../packets/template.js';

/** As they are now. */
export const copyCounts = (counts: readonly TemplateCount[]): TemplateCount[] =>
  counts.map((count) => ({ ...count }));

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

/** The templates of a mix, and which of them the next packet is of. */
export class MixParts {
  readonly parts: readonly PacketSequence[];
  /** which part each packet of a period is of */
  readonly schedule: Uint32Array;
  /** the next packet, in its period */
  at: number;
  /** bytes of the longest packet, offload header included */
  readonly longest: number;
  /** mean bytes of a packet, without the offload header */
  readonly meanBytes: number;
  /** bytes of the offload header that all have, or 0 */
  readonly offload: number;
  /** what was sent of each */
  readonly counts: TemplateCount[];

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
    this.offload = (offload[0] ?? -1) >= 0 ? OFFLOAD_HEADER : 0;
    this.longest = Math.max(...this.parts.map(({ length }) => length));
    const sum = this.parts.reduce(
      (all, { meanLength }, i) => all + meanLength * (weights[i] as number),
      0,
    );
    this.meanBytes = sum / total - this.offload;
    this.counts = parts.map(() => ({ packets: 0, bytes: 0 }));
    this.schedule = scheduleOf(weights, order);
    // Of n who share the packets, each goes through the whole schedule, with every n-th packet of
    // each part: so each of them keeps the shares, and together they send each packet once.
    const turn = Math.floor(first / stride);
    this.at = turn % total;
    const before = this.schedule.subarray(0, this.at);
    for (const [part, sequence] of this.parts.entries()) {
      const rounds = Math.floor(turn / total) * (weights[part] ?? 0);
      const sent = rounds + before.filter((kind) => kind === part).length;
      sequence.seek({ first: sent * stride + (first % stride), stride });
    }
  }

  /** Which part the next packet is of. */
  next(): number {
    const part = this.schedule[this.at] as number;
    this.at = this.at + 1 === this.schedule.length ? 0 : this.at + 1;
    return part;
  }
}

/**
 * Refuses options that go with a template where there is a mix, or the other way round: they would do
 * nothing.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`
 */
export function checkOneContent(options: {
  template?: unknown;
  fields?: unknown;
  mix?: unknown;
  mixOrder?: unknown;
}): void {
  const { template: one, fields, mix, mixOrder } = options;
  if (mix === undefined && mixOrder !== undefined) {
    throw invalidArgument('options.mixOrder', 'with a mix only', mixOrder);
  }
  if (mix === undefined || (one === undefined && fields === undefined)) return;
  throw invalidArgument('options', 'one with either template or mix', Object.keys(options));
}

/** @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`, RangeError `ERR_ZEROSEND_OUT_OF_RANGE` */
export function checkMix(
  mix: unknown,
  order: unknown = 'interleaved',
  share: Share = {},
): MixParts {
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
  return new MixParts(mix, order, checkShare(share));
}
