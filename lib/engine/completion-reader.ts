import { type CodedError, stateError, withOwn } from '../base/errors.js';
import { checkInteger, readOptions } from '../base/validate.js';
import type { CompletionRange } from './events.js';

/** Options of {@link ZeroCopySocket.completions}. */
export interface CompletionsOptions {
  /**
   * The most ranges that are kept for a reader until it takes them. 1 to 1,048,576; default 16384,
   * which is some 2 MB at most.
   */
  limit?: number | undefined;
}

/** @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`, RangeError `ERR_ZEROSEND_OUT_OF_RANGE` */
export function checkLimit(options: CompletionsOptions): number {
  const { limit = 16_384 } = readOptions('options', options, ['limit']);
  return checkInteger('options.limit', limit, 1, 2 ** 20);
}

interface Waiting {
  resolve(result: IteratorResult<CompletionRange, undefined>): void;
  reject(error: Error): void;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * One reader of a socket's completions. It gets every range that completes after it was made, in
 * order, and then the end: the close of the socket, its error, or that the reader has fallen
 * behind. Ranges that it has not taken are kept, up to a limit.
 */
export class CompletionReader {
  readonly #limit: number;
  readonly #detach: (reader: CompletionReader) => void;
  // A queue that is read from #next on, and emptied when it has been read to its end.
  #queue: CompletionRange[] = [];
  #next = 0;
  readonly #waiting: Waiting[] = [];
  #ended = false;
  #error: Error | null = null;

  constructor(limit: number, detach: (reader: CompletionReader) => void) {
    this.#limit = limit;
    this.#detach = detach;
  }

  push(range: CompletionRange): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting.resolve({ done: false, value: { ...range } });
    else if (!this.#merge(range)) this.#keep(range);
  }

  #keep(range: CompletionRange): void {
    if (this.#queue.length - this.#next >= this.#limit) {
      this.#detach(this);
      this.end(fallenBehind(range.first, this.#limit));
      return;
    }
    this.#queue.push({ ...range });
  }

  /**
   * Merges a range into the last one that is kept, if it continues that and ended alike. So a slow
   * reader keeps fewer ranges.
   */
  #merge({ first, last, how, code, tags }: CompletionRange): boolean {
    const latest = this.#queue.at(-1);
    if (latest === undefined || latest.last + 1 !== first || latest.how !== how) return false;
    if (latest.code !== code || latest.tags !== undefined || tags !== undefined) return false;
    latest.last = last;
    return true;
  }

  /** Ends the reader. It gets all ranges that are kept, and then the error, if any. */
  end(error: Error | null): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    for (const waiting of this.#waiting.splice(0)) this.#settle(waiting);
  }

  next(): Promise<IteratorResult<CompletionRange, undefined>> {
    const range = this.#take();
    if (range !== undefined) return Promise.resolve({ done: false, value: range });
    return new Promise((resolve, reject) => {
      if (this.#ended) this.#settle({ resolve, reject });
      else this.#waiting.push({ resolve, reject });
    });
  }

  #take(): CompletionRange | undefined {
    const range = this.#queue[this.#next];
    if (range === undefined) return undefined;
    this.#next++;
    if (this.#next === this.#queue.length || 2 * this.#next > this.#queue.length + 64) {
      this.#queue = this.#queue.slice(this.#next);
      this.#next = 0;
    }
    return range;
  }

  /** Settles a pending `next` when the end is reached. An error rejects once, as iterators do. */
  #settle({ resolve, reject }: Waiting): void {
    const error = this.#error;
    this.#error = null;
    if (error === null) resolve(DONE);
    else reject(error);
  }

  /** Detaches the reader. */
  return(): Promise<IteratorResult<CompletionRange, undefined>> {
    this.#detach(this);
    this.#queue = [];
    this.#next = 0;
    this.#error = null;
    this.end(null);
    return Promise.resolve(DONE);
  }
}

/** The readers of one socket. */
export class CompletionReaders {
  readonly #readers = new Set<CompletionReader>();

  get size(): number {
    return this.#readers.size;
  }

  add(limit: number): CompletionReader {
    const reader = new CompletionReader(limit, (leaving) => this.#readers.delete(leaving));
    this.#readers.add(reader);
    return reader;
  }

  push(range: CompletionRange): void {
    for (const reader of this.#readers) reader.push(range);
  }

  end(error: Error | null): void {
    for (const reader of this.#readers) reader.end(error);
    this.#readers.clear();
  }
}

/**
 * Attaches a reader to a socket. The reader refers to the socket, which is therefore not
 * garbage-collected while it is being read.
 */
export function readCompletions(
  socket: object,
  state: {
    readonly readers: CompletionReaders;
    readonly phase: string;
    readonly error: Error | null;
  },
  limit: number,
): AsyncIterableIterator<CompletionRange, undefined> {
  const reader = state.readers.add(limit);
  if (state.phase === 'closed') state.readers.end(state.error);
  return new ReaderIterator(socket, reader);
}

class ReaderIterator implements AsyncIterableIterator<CompletionRange, undefined> {
  readonly #socket: object;
  readonly #reader: CompletionReader;

  constructor(socket: object, reader: CompletionReader) {
    this.#socket = socket;
    this.#reader = reader;
  }

  next(): Promise<IteratorResult<CompletionRange, undefined>> {
    void this.#socket;
    return this.#reader.next();
  }

  return(): Promise<IteratorResult<CompletionRange, undefined>> {
    return this.#reader.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

function fallenBehind(id: number, limit: number): CodedError {
  const error = stateError(
    'ERR_ZEROSEND_READER_BEHIND',
    `a reader of completions() has not come for ${limit} ranges, and none are kept for it from id ` +
      `${id} on: read faster, or raise options.limit`,
  );
  return withOwn(error, { id });
}
