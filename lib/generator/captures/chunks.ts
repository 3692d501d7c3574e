import { constants, createReadStream, openSync, statSync } from 'node:fs';
import { Socket } from 'node:net';
import { addAbortSignal, pipeline, Readable, type Transform } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { types } from 'node:util';
import { invalidArgument } from '../../base/errors.js';
import { nextTurn } from '../../base/timers.js';
import { decompressorOf, MAGIC_BYTES } from './compressed.js';

/** What a capture is read from as it comes. */
export type CaptureSource = string | URL | Uint8Array | AsyncIterable<Uint8Array>;

/** Bytes that are read of a file at once. */
const CHUNK = 2 ** 18;

/** @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT` */
export function checkSource(file: unknown): CaptureSource {
  if (typeof file === 'string' || file instanceof URL || types.isUint8Array(file)) return file;
  if (
    typeof (Object(file) as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator] === 'function'
  ) {
    return file as AsyncIterable<Uint8Array>;
  }
  throw invalidArgument('file', "a path, '-', a Uint8Array or a stream of bytes", file);
}

/**
 * Whether it can be read only once.
 * @throws the errors of the file system
 */
export function isOnce(source: CaptureSource): boolean {
  if (source === '-') return true;
  if (typeof source === 'string' || source instanceof URL) return isPipe(source);
  return !types.isUint8Array(source);
}

/**
 * Whether it is the path of a pipe: a named one, or one of a shell (`<(…)`).
 * @throws the errors of the file system
 */
export function isPipe(path: string | URL): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFIFO() === true;
}

/**
 * Opens a pipe so that the event loop waits for who writes. A thread of libuv that waits would keep the process from
 * ending, by `process.exit` as well.
 * @throws the errors of the file system
 */
export function openPipe(path: string | URL): Readable {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return new Socket({ fd, readable: true, writable: false });
}

/**
 * All that comes by a pipe or a stream.
 * @returns null: the signal came before
 */
export async function wholeOf(stream: Readable, signal?: AbortSignal): Promise<Uint8Array | null> {
  try {
    return await buffer(signal === undefined ? stream : addAbortSignal(signal, stream));
  } catch (error) {
    if (signal?.aborted) return null;
    throw error;
  }
}

/**
 * The content of a capture in pieces, decompressed where it is compressed.
 * @throws rejects with the errors of the file system; Error `ERR_ZEROSEND_CAPTURE` for a compression that
 * is not known; those of zlib where it is damaged
 */
export async function* chunksOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const raw = source[Symbol.asyncIterator]();
  let decompressor: Transform | null = null;
  try {
    let first: Buffer = Buffer.alloc(0);
    while (first.length < MAGIC_BYTES) {
      const { value, done } = await raw.next();
      if (done) break;
      first = first.length === 0 ? bytesOf(value) : Buffer.concat([first, bytesOf(value)]);
    }
    decompressor = decompressorOf(first);
    const all = restOf(first, raw);
    if (decompressor === null) return yield* all;
    // Who reads it is told what goes wrong.
    yield* pipeline(Readable.from(all), decompressor, () => {}) as AsyncIterable<Buffer>;
  } finally {
    if (decompressor === null) await raw.return?.();
    else {
      // It has asked for more by then, which may never come: the answer is not waited for.
      if (source instanceof Readable) source.destroy();
      void (async () => raw.return?.())().catch(() => {});
    }
  }
}

async function* restOf(first: Buffer, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Buffer> {
  if (first.length > 0) yield first;
  for (let step = await rest.next(); !step.done; step = await rest.next())
    yield bytesOf(step.value);
}

/**
 * What is read, as a stream where it is none.
 * @throws the errors of the file system, of a pipe
 */
export function rawChunks(source: CaptureSource): AsyncIterable<Uint8Array> {
  if (source === '-') return process.stdin;
  if (types.isUint8Array(source)) return piecesOf(source);
  if (typeof source === 'string' || source instanceof URL) {
    return isPipe(source) ? openPipe(source) : createReadStream(source, { highWaterMark: CHUNK });
  }
  return source;
}

/** What is in memory in pieces, between which the event loop has its turn. */
async function* piecesOf(content: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += CHUNK) {
    if (at > 0) await nextTurn();
    yield content.subarray(at, at + CHUNK);
  }
}

function bytesOf(chunk: unknown): Buffer {
  if (!types.isUint8Array(chunk)) throw invalidArgument('file', 'a stream of bytes', chunk);
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}
