import { checkObject, readOptions } from '../base/validate.js';
import { readEach } from '../buffers/given-arrays.js';

/** Options of one send. */
export interface SendOptions {
  /**
   * Anything of yours that says what the send was. The range in which it completes has it in `tags`. The
   * socket keeps it until then. Undefined is none.
   */
  tag?: unknown;
  /**
   * Where in the buffer it begins, in bytes: what is sent are `length` bytes from there on. 0 to the last
   * byte of the buffer; default 0. Sockets with a ring take none, since frames lie in it as they are.
   */
  offset?: number | undefined;
}

/** Options of a `sendMany`. */
export interface SendManyOptions {
  /** What each of the buffers is, as {@link SendOptions.tag}: as many as there are buffers. */
  tags?: ArrayLike<unknown> | undefined;
  /** Where each begins, as {@link SendOptions.offset}: one offset for all, or one for each buffer. */
  offset?: number | ArrayLike<number> | undefined;
}

const ONE = ['tag', 'offset'] as const;
const MANY = ['tags', 'offset'] as const;

/**
 * As `readOptions` reads it. That makes two objects and takes some 100 ns; to look at what there is by
 * `in` takes a tenth, as V8 keeps the names of each shape of objects.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`
 */
export function readTag(options: SendOptions): unknown {
  checkObject('options', options);
  for (const name in options) {
    if (name !== 'tag' && name !== 'offset') return readOptions('options', options, ONE).tag;
  }
  return Object.hasOwn(options, 'tag') ? options.tag : undefined;
}

/** The offset that is given, not checked; undefined: there is none. */
export function readOffset(options: SendOptions): number | undefined {
  return Object.hasOwn(options, 'offset') ? options.offset : undefined;
}

/**
 * A copy of what is given for so many sends. The offsets are not checked.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`
 */
export function readMany(options: SendManyOptions, count: number) {
  const { tags, offset } = readOptions('options', options, MANY);
  return {
    tags:
      tags === undefined
        ? undefined
        : readEach('options.tags', `an array of ${count}`, tags, count),
    offsets:
      offset === undefined || typeof offset === 'number' ? offset : readOffsets(offset, count),
  };
}

function readOffsets(offset: unknown, count: number): readonly unknown[] {
  return readEach('options.offset', `a number, or ${count} numbers`, offset, count);
}
