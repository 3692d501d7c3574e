import { checkObject, readOptions } from '../base/validate.js';
import { readEach } from '../buffers/given-arrays.js';

/** Options of one send. */
export interface SendOptions {
  /**
   * Anything of yours that says what the send was. The range in which it completes has it in `tags`. The
   * socket keeps it until then. Undefined is none.
   */
  tag?: unknown;
}

/** Options of a `sendMany`. */
export interface SendManyOptions {
  /** What each of the buffers is, as {@link SendOptions.tag}: as many as there are buffers. */
  tags?: ArrayLike<unknown> | undefined;
}

const ONE = ['tag'] as const;
const MANY = ['tags'] as const;

/**
 * As `readOptions` reads it. That makes two objects and takes some 100 ns; to look at what there is by
 * `in` takes a tenth, as V8 keeps the names of each shape of objects.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`
 */
export function readTag(options: SendOptions): unknown {
  checkObject('options', options);
  for (const name in options) {
    if (name !== 'tag') return readOptions('options', options, ONE).tag;
  }
  return Object.hasOwn(options, 'tag') ? options.tag : undefined;
}

/**
 * A copy of the tags that are given.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`
 */
export function readTags(options: SendManyOptions, count: number): readonly unknown[] | undefined {
  const { tags } = readOptions('options', options, MANY);
  if (tags === undefined) return undefined;
  return readEach('options.tags', `an array of ${count}`, tags, count);
}
