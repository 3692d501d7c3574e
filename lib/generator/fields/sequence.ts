// fields: what changes from packet to packet. Values come from sources, and are written by `field-writer`;
// `shapes` has lengths and payloads, and `checksum-writer` adds what was written to what stays the same.

import { invalidArgument } from '../../base/errors.js';
import { checkInteger } from '../../base/validate.js';
import type { BufferRun } from '../../index.js';
import { rangeError } from '../base/errors.js';
import { checkKeys } from '../base/validate.js';
import { checkFits, Template } from '../packets/template.js';
import { BATCH, FARTHEST, NOTHING, placeIn, batch as threadsBatch, type Writer } from './batch.js';
import type { ChecksumWriter } from './checksum-writer.js';
import { compileFields } from './compile-fields.js';
import type { AnyField } from './fields.js';
import type { Shapes } from './shapes.js';

// TurboFan folds constants of this module; an imported binding is loaded at each use.
const batch = threadsBatch;

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
 * the fields are written, and checksums are made of what was written and of the sum of the rest, which is known,
 * so a packet costs what its fields cost. Allocates nothing.
 *
 * A buffer has to hold an earlier packet of the same template: {@link PacketSequence.init} lays the first one.
 */
export class PacketSequence {
  /** What it was compiled from. */
  readonly template: Template;
  /** Bytes of a packet; of the longest, where a field changes their length. */
  readonly length: number;
  /** Bytes of a packet in the mean over all of them: `length`, unless a field changes it. */
  readonly meanLength: number;
  readonly #writers: readonly Writer[];
  readonly #initial: Buffer;
  /** The first packet without the zeros at its end that all have. @internal */
  readonly _laid: Buffer;
  readonly #checksums: readonly ChecksumWriter[];
  readonly #shapes: Shapes;
  /** of the packets that were made by the last call, where they differ */
  #lengths: Uint32Array | null;
  /** the buffers that are filled next */
  readonly #views: Uint8Array[] = [];
  #next = 0;
  #stride = 1;

  /** @internal */
  constructor(template: Template, fields: readonly AnyField[]) {
    const { shapes, writers, checksums, initial, zeros } = compileFields(template, fields);
    this.template = template;
    this.length = shapes.longest;
    this.meanLength = shapes.mean;
    this.#writers = writers;
    this.#checksums = checksums;
    this.#shapes = shapes;
    this.#lengths = shapes.differ ? new Uint32Array(BATCH) : null;
    this.#initial = initial;
    this._laid = initial.subarray(0, zeros);
  }

  /** Whether packets are of several lengths. @internal */
  get _differ(): boolean {
    return this.#lengths !== null;
  }

  /** Number of the packet that {@link PacketSequence.stamp} makes next. */
  get next(): number {
    return this.#next;
  }

  /** Goes to packet `first`; from there every `stride`-th is made. */
  seek(share: Share): this {
    const { first, stride } = checkShare(share);
    this.#shapes.seek(first, stride);
    for (const writer of this.#writers) writer.seek(first, stride);
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

  /**
   * Lays as many packets one behind the other: a train for UDP segmentation offload.
   * @throws RangeError `ERR_ZEROSEND_FIELD` for several where a field changes their length
   */
  layTrain(bytes: Uint8Array, packets: number): void {
    this.#checkTrain(packets);
    checkFits(this.length * packets, bytes);
    for (let i = 0; i < packets; i++) bytes.set(this.#initial, i * this.length);
  }

  /**
   * Makes the packet at `base` of a buffer, which is an earlier one of this template, the next one.
   * @returns its length
   */
  stamp(bytes: Uint8Array, base = 0): number {
    const far = base > FARTHEST;
    batch.views[0] = far ? bytes.subarray(base) : bytes;
    batch.bases[0] = far ? 0 : base;
    this.#make(1, 0);
    return this.#lengths === null ? this.length : (this.#lengths[0] as number);
  }

  /**
   * The same at a place of a memory that holds many.
   * @param view the same memory
   * @internal
   */
  _stampAt(memory: Uint8Array, view: DataView, place: number): number {
    batch.bases[0] = placeIn(memory, view, place, 0);
    this.#make(1, 0);
    return this.#lengths === null ? this.length : (this.#lengths[0] as number);
  }

  /**
   * Makes the packets of the first `count` buffers the next ones, in order: several times faster
   * than one {@link PacketSequence.stamp} each.
   * @param train packets that lie one behind the other in each buffer; default 1
   * @returns what `sendMany` takes: the bytes to send of each buffer, or, where a field changes the length of packets,
   * those of each of them, in a list that holds until the next call
   * @throws RangeError `ERR_ZEROSEND_FIELD` for a train where a field changes the length
   */
  stampMany(
    buffers: readonly { readonly bytes: Uint8Array }[],
    count: number,
    train = 1,
  ): number | Uint32Array {
    this.#checkTrain(train);
    this.#makeRoom(count);
    for (let i = 0, made = 0; i < count; i += BATCH) {
      const some = Math.min(BATCH, count - i);
      const views = this.#views;
      // First, since a getter may be a program's.
      for (let j = 0; j < some; j++) views[j] = (buffers[i + j] as { bytes: Uint8Array }).bytes;
      made += this.#makeTrains(views, some, train, made);
      views.fill(NOTHING, 0, some);
    }
    return this.#lengths === null ? this.length * train : this.#lengths.subarray(0, count);
  }

  /**
   * Makes the packets of a run the next ones, in order: faster still than {@link PacketSequence.stampMany}.
   * @returns as {@link PacketSequence.stampMany}
   */
  stampRun(
    run: Pick<BufferRun, 'memory' | 'view' | 'offset' | 'stride' | 'count'>,
  ): number | Uint32Array {
    const { bases } = batch;
    const { memory, view, offset, stride, count } = run;
    this.#makeRoom(count);
    const most = Math.max(1, Math.min(BATCH, Math.floor(FARTHEST / stride)));
    for (let made = 0; made < count; made += most) {
      const packets = Math.min(count - made, most);
      let base = placeIn(memory, view, offset + made * stride, packets * stride);
      for (let i = 0; i < packets; i++, base += stride) bases[i] = base;
      this.#make(packets, made);
    }
    return this.#lengths === null ? this.length : this.#lengths.subarray(0, count);
  }

  /**
   * Makes up to {@link BATCH} packets, at places of one memory in their order, the next ones.
   * @returns as {@link PacketSequence.stampMany}, of longer lists
   * @internal
   */
  _stampPlaces(
    memory: Uint8Array,
    view: DataView,
    places: Float64Array,
    count: number,
  ): number | Uint32Array {
    if ((places[count - 1] as number) <= FARTHEST) {
      placeIn(memory, view, 0, 0);
      for (let i = 0; i < count; i++) batch.bases[i] = places[i] as number;
      this.#make(count, 0);
    } else {
      for (let i = 0; i < count; i++) {
        batch.bases[0] = placeIn(memory, view, places[i] as number, 0);
        this.#make(1, i);
      }
    }
    return this.#lengths ?? this.length;
  }

  #checkTrain(train: number): void {
    if (train === 1 || this.#lengths === null) return;
    throw rangeError(
      'ERR_ZEROSEND_FIELD',
      `the packets of a train are of one length, and fields make them of several; received ${train}`,
    );
  }

  /** Makes trains of packets in buffers; returns how many packets those are. */
  #makeTrains(buffers: readonly Uint8Array[], count: number, train: number, at: number): number {
    const { views, bases } = batch;
    let filled = 0;
    let made = 0;
    for (let i = 0; i < count; i++) {
      for (let j = 0; j < train; j++) {
        views[filled] = buffers[i] as Uint8Array;
        bases[filled] = j * this.length;
        if (++filled === BATCH) {
          this.#make(BATCH, at + made);
          made += BATCH;
          filled = 0;
        }
      }
    }
    if (filled > 0) this.#make(filled, at + made);
    return made + filled;
  }

  #makeRoom(count: number): void {
    if (this.#lengths !== null && this.#lengths.length < count) {
      this.#lengths = new Uint32Array(count);
    }
  }

  /** @param at where in the list of lengths those of these packets begin */
  #make(count: number, at: number): void {
    const shapes = this.#shapes;
    shapes.choose(batch, count);
    for (const checksum of this.#checksums) checksum.begin(batch, count);
    for (const writer of this.#writers) writer.write(batch, count);
    for (const checksum of this.#checksums) checksum.write(batch, count);
    const lengths = this.#lengths;
    if (lengths !== null) {
      for (let i = 0; i < count; i++) {
        lengths[at + i] = shapes.lengths[batch.shapes[i] as number] as number;
      }
    }
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
  fields: readonly AnyField[] = [],
  share: Share = {},
): PacketSequence {
  if (!(template instanceof Template)) {
    throw invalidArgument('template', 'made by template()', template);
  }
  if (!Array.isArray(fields)) throw invalidArgument('fields', 'an array', fields);
  checkKeys('share', share, ['first', 'stride']);
  return new PacketSequence(template, fields).seek(share);
}
