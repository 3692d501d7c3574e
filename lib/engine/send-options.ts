import { invalidArgument } from '../base/errors.js';
import { checkObject, readOptions } from '../base/validate.js';
import { readEach } from '../buffers/given-arrays.js';

/** Options of one send. */
export interface SendOptions {
  /**
   * Any value by which you recognize the send. The range in which it completes has it in `tags`.
   * The socket refers to it until then. Undefined means none.
   */
  tag?: unknown;
  /**
   * Where in the buffer the send begins, in bytes: `length` bytes from there on are sent. 0 to the
   * last byte of the buffer; default 0. Sockets with a ring take no offset, since the kernel sends
   * a frame from its beginning.
   */
  offset?: number | undefined;
}

/** Options of a `sendMany`. */
export interface SendManyOptions {
  /** A tag for each buffer, as {@link SendOptions.tag}: as many as there are buffers. */
  tags?: ArrayLike<unknown> | undefined;
  /** Where each begins, as {@link SendOptions.offset}: one offset for all, or one for each buffer. */
  offset?: number | ArrayLike<number> | undefined;
}

const { hasOwnProperty: isOwn } = Object.prototype;
const ONE = ['tag', 'offset'] as const;
const MANY = ['tags', 'offset'] as const;

/**
 * Reads the options of one send with the checks of `readOptions`; the offset is not checked. That function
 * makes two objects and takes some 100 ns. In a loop by `in`, V8 knows the names of each shape of objects,
 * and that they are its own.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`
 */
export function readOne(options: SendOptions): SendOptions {
  checkObject('options', options);
  let tag: unknown;
  let offset: number | undefined;
  for (const name in options) {
    if (!isOwn.call(options, name)) continue;
    if (name === 'tag') tag = options.tag;
    else if (name === 'offset') offset = options.offset;
    else return readOptions('options', options, ONE);
  }
  return { tag, offset };
}

/** The options of several sends: lists of the library's own, each element not checked. */
export interface EachOptions {
  readonly tags: readonly unknown[] | undefined;
  /** one number for all, or one for each */
  readonly offsets: number | readonly unknown[] | undefined;
}

const tagsFor = (count: number) => `an array of ${count}`;
const offsetsFor = (count: number) => `a number, or ${count} numbers`;

/**
 * A copy of the options for `count` sends. The offsets are not checked.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`
 */
export function readMany(options: SendManyOptions, count: number): EachOptions {
  const { tags, offset } = readOptions('options', options, MANY);
  return {
    tags: tags === undefined ? undefined : readEach('options.tags', tagsFor(count), tags, count),
    offsets:
      offset === undefined || typeof offset === 'number'
        ? offset
        : readEach('options.offset', offsetsFor(count), offset, count),
  };
}

/**
 * Throws where a getter or a listener has made the sends more or fewer since the options were read.
 */
export function checkCount({ tags, offsets }: EachOptions, count: number): void {
  if (tags !== undefined && tags.length !== count) {
    throw invalidArgument('options.tags', tagsFor(count), tags);
  }
  if (typeof offsets === 'object' && offsets.length !== count) {
    throw invalidArgument('options.offset', offsetsFor(count), offsets);
  }
}
