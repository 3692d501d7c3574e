import { createReadStream, statSync } from 'node:fs';
import { pipeline, Readable, type Transform } from 'node:stream';
import { invalidArgument } from '../../base/errors.js';
import { nextTurn } from '../../base/timers.js';
import { decompressorOf, MAGIC_BYTES } from './compressed.js';

/** What a capture is read from as it comes. */
export type CaptureSource = string | URL | Uint8Array | AsyncIterable<Uint8Array>;

/** Bytes that are read of a file at once. */
const CHUNK = 2 ** 18;

/** @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT` */
export function checkSource(file: unknown): CaptureSource {
  if (typeof file === 'string' || file instanceof URL || file instanceof Uint8Array) return file;
  if (
    typeof (Object(file) as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator] === 'function'
  ) {
    return file as AsyncIterable<Uint8Array>;
  }
  throw invalidArgument('file', "a path, '-', a Uint8Array or a stream of bytes", file);
}

/** Whether it can be read only once. */
export function isOnce(source: CaptureSource): boolean {
  return (
    source === '-' ||
    !(typeof source === 'string' || source instanceof URL || source instanceof Uint8Array)
  );
}

/** Whether what a path leads to is gone once it was read, as of a pipe. */
export function isPassing(path: string | URL): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === false;
}

/**
 * The content of a capture in pieces, decompressed where it is compressed.
 * @throws rejects with the errors of the file system; Error `ERR_ZEROSEND_CAPTURE` for a compression that
 * is not known; those of zlib where it is damaged
 */
export async function* chunksOf(source: CaptureSource): AsyncGenerator<Buffer> {
  const from = rawChunks(source);
  const raw = from[Symbol.asyncIterator]();
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
      if (from instanceof Readable) from.destroy();
      void (async () => raw.return?.())().catch(() => {});
    }
  }
}

async function* restOf(first: Buffer, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Buffer> {
  if (first.length > 0) yield first;
  for (let step = await rest.next(); !step.done; step = await rest.next())
    yield bytesOf(step.value);
}

function rawChunks(source: CaptureSource): AsyncIterable<Uint8Array> {
  if (source === '-') return process.stdin;
  if (source instanceof Uint8Array) return piecesOf(source);
  if (typeof source === 'string' || source instanceof URL) {
    return createReadStream(source, { highWaterMark: CHUNK });
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
  if (!(chunk instanceof Uint8Array)) throw invalidArgument('file', 'a stream of bytes', chunk);
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}
