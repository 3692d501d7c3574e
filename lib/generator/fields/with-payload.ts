import { types } from 'node:util';
import { invalidArgument } from '../../base/errors.js';
import { checkInteger } from '../../base/validate.js';
import { rangeError } from '../base/errors.js';
import { type Checksum, widthOf, writeChecksums } from '../packets/coverage.js';
import type { OffloadDescription } from '../packets/description.js';
import { own } from '../packets/protocol.js';
import { checkFits, template as makeTemplate, Template } from '../packets/template.js';
import type { Field } from './fields.js';
import { compile, type PacketSequence, type Share } from './sequence.js';

/** Shapes that are kept: all lengths that fit an Ethernet frame, and some more. */
const MOST_SHAPES = 2048;

/** What the length of a payload decides. */
interface Shape {
  /** bytes of the packet */
  length: number;
  /** bytes of the headers that are not as without a payload, checksums apart, and which bits of them */
  places: readonly number[];
  values: readonly number[];
  kept: readonly number[];
  checksums: readonly Checksum[];
}

/**
 * Packets of a template with a payload of their own each, of any length: lengths and checksums follow.
 * Made by {@link withPayload}.
 */
export class PayloadSequence {
  /** What it was made from. */
  readonly template: Template;
  readonly #packets: PacketSequence | null;
  /** the headers without a payload */
  readonly #bare: Template;
  /** a packet of the template, with its fields as they are in the packet at hand */
  readonly #whole: Buffer;
  /** of that, the headers */
  readonly #head: Buffer;
  readonly #content: number;
  readonly #shapes = new Map<number, Shape>();

  /** @internal */
  constructor(template: Template, bare: Template, packets: PacketSequence | null) {
    const whole = Buffer.from(bare.bytes);
    packets?.init(whole);
    this.template = template;
    this.#bare = bare;
    this.#packets = packets;
    this.#content = template.offsets.payload;
    this.#whole = whole;
    this.#head = whole.subarray(0, this.#content);
  }

  /** Number of the packet that {@link PayloadSequence.write} makes next, as its fields count. */
  get next(): number {
    return this.#packets?.next ?? 0;
  }

  /**
   * Writes the next packet, whatever the buffer held: headers with the next value of each field, this
   * payload, and the lengths and checksums of both. One of a length that was met before costs what a
   * copy and the checksums cost.
   * @param bytes where to
   * @param payload is copied
   * @param base where in `bytes` the packet begins; default 0
   * @returns the bytes of the packet, to be sent
   * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`, RangeError `ERR_ZEROSEND_OUT_OF_RANGE`,
   * `ERR_ZEROSEND_FRAME_TOO_LONG` where it does not fit, `ERR_ZEROSEND_TEMPLATE` for a payload that is
   * longer than a header can say
   */
  write(bytes: Uint8Array, payload: Uint8Array, base = 0): number {
    if (!types.isUint8Array(payload)) throw invalidArgument('payload', 'a Uint8Array', payload);
    if (!types.isUint8Array(bytes)) throw invalidArgument('bytes', 'a Uint8Array', bytes);
    checkInteger('base', base, 0, bytes.length);
    const shape = this.#shapes.get(payload.length) ?? this.#shapeFor(payload.length);
    const { length, places, values, kept, checksums } = shape;
    checkFits(base + length, bytes);
    this.#packets?.stamp(this.#whole);
    // The payload first: it may lie in these bytes.
    bytes.set(payload, base + this.#content);
    bytes.set(this.#head, base);
    for (let i = 0; i < places.length; i++) {
      const at = base + (places[i] as number);
      bytes[at] = ((bytes[at] as number) & (kept[i] as number)) | (values[i] as number);
    }
    writeChecksums(bytes, base, checksums);
    return length;
  }

  #shapeFor(content: number): Shape {
    const { bytes: bare } = this.#bare;
    const { bytes, _checksums: checksums } = resized(this.template, content);
    const places: number[] = [];
    for (let at = 0; at < this.#content; at++) {
      const isChecksum = checksums.some((one) => at >= one.at && at < one.at + widthOf(one));
      if (!isChecksum && bytes[at] !== bare[at]) places.push(at);
    }
    const others = places.map((at) => (bytes[at] as number) ^ (bare[at] as number));
    const values = places.map((at, i) => (bytes[at] as number) & (others[i] as number));
    const kept = others.map((bits) => ~bits & 0xff);
    const shape = { length: bytes.length, places, values, kept, checksums };
    if (this.#shapes.size === MOST_SHAPES) this.#shapes.clear();
    this.#shapes.set(content, shape);
    return shape;
  }
}

/** The same layers around a payload of so many zeros. */
function resized(template: Template, content: number): Template {
  const layers = template._stack.map(({ protocol, values }) => own(protocol, values));
  const payload = new Uint8Array(content);
  if (template.offsets.offload < 0) return makeTemplate({ layers, payload });
  return makeTemplate({ layers, payload, virtioNetHeader: offloadOf(template) });
}

/** What the template was asked to leave to kernel and device. */
function offloadOf({ bytes, _checksums }: Template): OffloadDescription {
  const segmentSize = bytes.readUInt16LE(4);
  const checksum = _checksums.some(({ partial }) => partial);
  return { checksum, ...(segmentSize > 0 && { segmentSize }) };
}

/**
 * Packets of one template whose payloads are given as they are written, each with a length of its own:
 * queries, messages, frames of media. In place of a template compiled for each of them.
 *
 * Lengths, and checksums that are worked out, are right for each packet; what the template was given,
 * right or wrong, stays. The payload and the `length` of the template itself are not looked at.
 * @param fields of headers, that change from packet to packet as those of {@link compile}
 * @throws as {@link compile}; RangeError `ERR_ZEROSEND_FIELD` for a field of the payload
 * @example
 * ```js
 * import { template, withPayload } from 'zerosend/generator';
 *
 * const packets = withPayload(
 *   template({
 *     ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
 *     ipv4: { source: '198.18.0.1', destination: '198.18.0.2' },
 *     udp: { source: 1024, destination: 53 },
 *   }),
 *   [{ target: 'udp.source', counter: { start: 1024, count: 60_000 } }],
 * );
 * const frame = Buffer.alloc(1514);
 * for (const text of ['a', 'payload', 'for each']) {
 *   const length = packets.write(frame, Buffer.from(text)); // bytes to send
 *   console.log(frame.toString('hex', 0, length));
 * }
 * ```
 */
export function withPayload(
  template: Template,
  fields: readonly Field[] = [],
  share: Share = {},
): PayloadSequence {
  if (!(template instanceof Template)) {
    throw invalidArgument('template', 'made by template()', template);
  }
  compile(template, fields, share);
  for (const [i, field] of fields.entries()) {
    if ('checksum' in field) {
      throw rangeError('ERR_ZEROSEND_FIELD', `fields[${i}] is a checksum, which payloads change`);
    }
    if (!isOfPayload(field.target)) continue;
    throw rangeError('ERR_ZEROSEND_FIELD', `fields[${i}] is of the payload, which is given`);
  }
  // What does not reach into a payload fits without one.
  const bare = template.offsets.payload === 0 ? template : resized(template, 0);
  return new PayloadSequence(
    template,
    bare,
    fields.length === 0 ? null : compile(bare, fields, share),
  );
}

/** Whether a field is of the payload's bytes, or of its length. */
function isOfPayload(target: unknown): boolean {
  if (typeof target === 'string') return /^(length|payload(\.length)?)$/.test(target);
  return (target as { layer?: unknown } | undefined)?.layer === 'payload';
}
