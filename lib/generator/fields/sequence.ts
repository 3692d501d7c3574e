// fields: what changes from packet to packet. Values come from `sources`, are written by `field-writer`,
// and the sequence updates checksums by what has changed.

import { invalidArgument } from '../../base/errors.js';
import { checkInteger } from '../../base/validate.js';
import type { BufferRun } from '../../index.js';
import { checkKeys } from '../base/validate.js';
import { checkFits, Template } from '../packets/template.js';
import { BATCH, Batch } from './batch.js';
import { type ChecksumUpdate, updatesOf } from './checksum-update.js';
import { compileFields } from './compile-fields.js';
import type { FieldWriter } from './field-writer.js';
import type { Field } from './fields.js';

/** Which packets of a stream are made. Worker i of n makes `{ first: i, stride: n }`. */
export interface Share {
  /** Number of the first packet; default 0. */
  first?: number;
  /** From one packet to the next; default 1. */
  stride?: number;
}

/** A share with its defaults. @throws RangeError `ERR_ZEROSEND_OUT_OF_RANGE` */
export function checkShare({ first = 0, stride = 1 }: Share): Required<Share> {
  checkInteger('first', first, 0, Number.MAX_SAFE_INTEGER);
  checkInteger('stride', stride, 1, 2 ** 32);
  return { first, stride };
}

/**
 * The packets of a template, one after the other: packet k has the k-th value of each field. Only
 * the fields are written, and checksums are updated by what has changed (RFC 1624), so a packet
 * costs what its fields cost. Allocates nothing.
 *
 * A buffer has to hold an earlier packet of the same template: {@link PacketSequence.init} lays the first one.
 */
export class PacketSequence {
  /** What it was compiled from. */
  readonly template: Template;
  /** Bytes of a packet. */
  readonly length: number;
  readonly #writers: readonly FieldWriter[];
  readonly #initial: Buffer;
  /** The first packet without the zeros at its end that all have. @internal */
  readonly _laid: Buffer;
  readonly #updates: readonly ChecksumUpdate[];
  readonly #batch: Batch;
  #next = 0;
  #stride = 1;

  /** @internal */
  constructor(template: Template, fields: readonly Field[]) {
    this.template = template;
    this.length = template.length;
    const { writers, initial, zeros } = compileFields(template, fields);
    this.#writers = writers;
    this.#initial = initial;
    this._laid = initial.subarray(0, zeros);
    const touched = writers.flatMap(({ covering }) => covering.map(({ checksum }) => checksum));
    this.#updates = updatesOf(template._checksums, touched);
    this.#batch = new Batch(template._checksums.length);
  }

  /** Number of the packet that {@link PacketSequence.stamp} makes next. */
  get next(): number {
    return this.#next;
  }

  /** Goes to packet `first`; from there every `stride`-th is made. */
  seek(share: Share): this {
    const { first, stride } = checkShare(share);
    for (const writer of this.#writers) writer.source.seek(first, stride);
    this.#next = first;
    this.#stride = stride;
    return this;
  }

  /**
   * Lays the template to the beginning of a buffer: the `init` of a pool or a ring socket.
   * @throws RangeError `ERR_ZEROSEND_FRAME_TOO_LONG` when it does not fit
   */
  readonly init = (bytes: Uint8Array): void => {
    checkFits(this.length, bytes);
    bytes.set(this.#initial);
  };

  /** Lays as many packets one behind the other: a train for UDP segmentation offload. */
  layTrain(bytes: Uint8Array, packets: number): void {
    checkFits(this.length * packets, bytes);
    for (let i = 0; i < packets; i++) bytes.set(this.#initial, i * this.length);
  }

  /** Makes the packet at `base` of a buffer, which is an earlier one of this template, the next one. */
  stamp(bytes: Uint8Array, base = 0): void {
    this.#batch.views[0] = bytes;
    this.#batch.bases[0] = base;
    this.#make(1);
  }

  /**
   * Makes the packets of the first `count` buffers the next ones, in order: several times faster
   * than one {@link PacketSequence.stamp} each.
   * @param train packets that lie one behind the other in each buffer; default 1
   */
  stampMany(buffers: readonly { readonly bytes: Uint8Array }[], count: number, train = 1): void {
    const { views, bases } = this.#batch;
    let filled = 0;
    for (let i = 0; i < count; i++) {
      const { bytes } = buffers[i] as { bytes: Uint8Array };
      for (let j = 0; j < train; j++) {
        views[filled] = bytes;
        bases[filled] = j * this.length;
        if (++filled === BATCH) {
          this.#make(BATCH);
          filled = 0;
        }
      }
    }
    if (filled > 0) this.#make(filled);
  }

  /** Makes the packets of a run the next ones, in order: faster still than {@link PacketSequence.stampMany}. */
  stampRun(run: Pick<BufferRun, 'memory' | 'view' | 'offset' | 'stride' | 'count'>): void {
    const batch = this.#batch;
    const { bases } = batch;
    const { memory, stride, count } = run;
    let base = run.offset;
    for (let left = count; left > 0; left -= BATCH) {
      const packets = Math.min(left, BATCH);
      batch.views[0] = memory;
      batch.view = run.view;
      batch.each = 0;
      for (let i = 0; i < packets; i++, base += stride) bases[i] = base;
      this.#make(packets);
    }
  }

  /** Makes up to {@link BATCH} packets, at places of one memory, the next ones. @internal */
  _stampPlaces(memory: Uint8Array, view: DataView, places: Float64Array, count: number): void {
    const batch = this.#batch;
    batch.views[0] = memory;
    batch.view = view;
    batch.each = 0;
    for (let i = 0; i < count; i++) batch.bases[i] = places[i] as number;
    this.#make(count);
  }

  #make(count: number): void {
    const batch = this.#batch;
    for (const writer of this.#writers) writer.write(batch, count);
    for (const update of this.#updates) update.run(batch, count);
    batch.forget(count);
    this.#next += this.#stride * count;
  }
}

/**
 * Compiles what changes from packet to packet.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; RangeError `ERR_ZEROSEND_OUT_OF_RANGE`,
 * `ERR_ZEROSEND_INVALID_ADDRESS`, `ERR_ZEROSEND_FIELD` for a field that is not in the packet, or on
 * which other bytes depend
 * @example
 * ```js
 * import { BufferPool, UdpSocket } from 'zerosend';
 * import { compile, template } from 'zerosend/generator';
 *
 * const packets = compile(template({ length: 64, payload: '' }), [
 *   { target: { layer: 'payload', offset: 0, width: 4 }, counter: {} },
 * ]);
 * const pool = new BufferPool({ bufferSize: 64, count: 16, init: packets.init });
 * const socket = await UdpSocket.open({ remote: { address: '198.18.0.9', port: 9 } });
 * for (let i = 0; i < 100; i++) {
 *   const buffer = await pool.acquire();
 *   packets.stamp(buffer.bytes); // writes the counter, and nothing else
 *   socket.send(buffer, packets.length);
 * }
 * console.log(packets.next);
 * await socket.close();
 * await pool.close();
 * ```
 */
export function compile(
  template: Template,
  fields: readonly Field[] = [],
  share: Share = {},
): PacketSequence {
  if (!(template instanceof Template)) {
    throw invalidArgument('template', 'made by template()', template);
  }
  if (!Array.isArray(fields)) throw invalidArgument('fields', 'an array', fields);
  checkKeys('share', share, ['first', 'stride']);
  return new PacketSequence(template, fields).seek(share);
}
