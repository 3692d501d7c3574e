import { outOfRange, stateError } from '../base/errors.js';
import type { BufferPool } from '../buffers/buffer-pool.js';
import { checkPart, MOST_PARTS, type Part, readParts } from '../buffers/parts.js';
import { type PooledBuffer, slotOf } from '../buffers/pooled-buffer.js';
import type { Core } from '../engine/core.js';
import { checkPool, nameIndex } from '../engine/refusals.js';

/**
 * Sends of several parts over a ring, which can only send from its own memory. A part that is in a
 * frame is sent in place, and plain arrays are copied. A packet of the transmit ring is one frame,
 * so arrays are copied into the frame that is among the parts. A packet of AF_XDP can be several
 * frames, so arrays are copied into further frames: one that is in flight already must not be
 * written to.
 */
export class RingParts {
  readonly #core: Core;
  readonly #pool: BufferPool;

  constructor(core: Core, pool: BufferPool) {
    this.#core = core;
    this.#pool = pool;
  }

  send(given: readonly unknown[], lengths: unknown): number {
    const unchecked = readParts(given, lengths, MOST_PARTS);
    // From here on no code of the program runs, except listeners while frames are acquired.
    const check = () => unchecked.map((each, i) => this.#check(each, i));
    const parts = check();
    const total = parts.reduce((sum, { length }) => sum + length, 0);
    const wanted = this.#framesFor(parts, total);
    const frames: PooledBuffer[] = [];
    try {
      while (frames.length < wanted) frames.push(this.#acquire());
      return this.#send(wanted > 0 ? check() : parts, total, frames);
    } catch (error) {
      for (const frame of frames) frame.release();
      throw error;
    }
  }

  #check(given: Parameters<typeof checkPart>[0], i: number): Part {
    try {
      const part = checkPart(given, i);
      const { buffer, slot } = part;
      if (slot !== null) checkPool((buffer as PooledBuffer).pool, this.#pool, slot.index);
      return part;
    } catch (error) {
      nameIndex(error, i);
      throw error;
    }
  }

  /** How many free frames are needed for the copies. */
  #framesFor(parts: readonly Part[], total: number): number {
    const { hooks } = this.#core.state;
    const size = this.#pool.bufferSize;
    const own = parts.filter(({ slot }) => slot !== null).length;
    if (own === 0 && total <= size) return 1;
    if (hooks.checkFrames !== undefined) {
      const wanted = plainGroups(parts).reduce((sum, bytes) => sum + Math.ceil(bytes / size), 0);
      hooks.checkFrames(own + wanted);
      return wanted;
    }
    if (total > size) throw hooks.tooLong?.(total);
    if (own > 1)
      throw outOfRange('frames among parts', '1: the ring sends each as one packet', own);
    checkPlace(parts);
    return 0;
  }

  #acquire(): PooledBuffer {
    const { state } = this.#core;
    const frame = state.phase === 'open' ? this.#pool.tryAcquire() : null;
    if (frame !== null) return frame;
    throw state.phase === 'open'
      ? stateError('ERR_ZEROSEND_QUEUE_FULL', 'no frame of the ring is free to copy into')
      : state.closedError();
  }

  #send(parts: readonly Part[], total: number, frames: readonly PooledBuffer[]): number {
    const { sender, state } = this.#core;
    if (state.phase !== 'open') throw state.closedError();
    const own = parts.find(({ slot }) => slot !== null);
    const single =
      total <= this.#pool.bufferSize && (own === undefined || !state.hooks.checkFrames);
    if (!single) return sender.parts.frames(this.#layOut(parts, frames), total);
    const frame = own === undefined ? (frames[0] as PooledBuffer) : (own.buffer as PooledBuffer);
    let at = 0;
    for (const part of parts) {
      if (part.slot === null) frame.bytes.set(bytesOf(part), at);
      at += part.length;
    }
    return sender.pooled(frame, total, 0, own === undefined);
  }

  /**
   * The parts of a packet: the frames that were given, and in between the copies of plain arrays.
   */
  #layOut(parts: readonly Part[], frames: readonly PooledBuffer[]): Part[] {
    const size = this.#pool.bufferSize;
    const packet: Part[] = [];
    let used = 0;
    let room = 0; // bytes left in the last frame, if that is one for copies
    for (const part of parts) {
      if (part.slot !== null) {
        packet.push(part);
        room = 0;
        continue;
      }
      const bytes = bytesOf(part);
      for (let from = 0; from < bytes.length; ) {
        if (room === 0) {
          const buffer = frames[used++] as PooledBuffer;
          packet.push({ buffer, slot: slotOf(buffer), offset: 0, length: 0 });
          room = size;
        }
        const last = packet.pop() as Part;
        const count = Math.min(room, bytes.length - from);
        (last.buffer as PooledBuffer).bytes.set(bytes.subarray(from, from + count), last.length);
        packet.push({ ...last, length: last.length + count });
        room -= count;
        from += count;
      }
    }
    return packet;
  }
}

function bytesOf({ buffer, offset, length }: Part): Uint8Array {
  return (buffer as Uint8Array).subarray(offset, offset + length);
}

/** The lengths of groups of plain arrays that follow each other without a frame between them. */
function plainGroups(parts: readonly Part[]): number[] {
  const groups: number[] = [];
  let before = false;
  for (const { slot, length } of parts) {
    if (slot === null) groups.push((before ? (groups.pop() as number) : 0) + length);
    before = slot === null;
  }
  return groups;
}

/** Throws unless the part in the frame lies right behind the room that the parts before it need. */
function checkPlace(parts: readonly Part[]): void {
  let before = 0;
  for (const [i, { slot, offset, length }] of parts.entries()) {
    if (slot !== null && offset !== before) {
      const why = `${before}, since the parts before it are copied in front of it`;
      const error = outOfRange(`parts[${i}].offset`, why, offset);
      nameIndex(error, i);
      throw error;
    }
    before += length;
  }
}
