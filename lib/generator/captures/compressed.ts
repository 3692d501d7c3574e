import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { captureError } from './captured-frame.js';

/** A way in which files are compressed: how it is recognized, and what reads it. */
interface Compression {
  name: string;
  magic: readonly number[];
  /** null: this Node.js does not */
  stream: (() => Transform) | null;
  whole: ((bytes: Uint8Array) => Buffer) | null;
}

/** What zlib has from Node.js 22.15 on. */
interface Zstd {
  createZstdDecompress?(): Transform;
  zstdDecompressSync?(bytes: Uint8Array): Buffer;
}

// A file that is cut off gives what there is of it, as one that is not compressed does.
const unfinished = { finishFlush: zlib.constants.Z_SYNC_FLUSH };
const { createZstdDecompress, zstdDecompressSync } = zlib as Zstd;

const COMPRESSIONS: readonly Compression[] = [
  {
    name: 'gzip',
    magic: [0x1f, 0x8b],
    stream: () => zlib.createGunzip(unfinished),
    whole: (bytes) => zlib.gunzipSync(bytes, unfinished),
  },
  {
    name: 'zstd',
    magic: [0x28, 0xb5, 0x2f, 0xfd],
    stream: createZstdDecompress ?? null,
    whole: zstdDecompressSync ?? null,
  },
  { name: 'xz', magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], stream: null, whole: null },
  { name: 'bzip2', magic: [0x42, 0x5a, 0x68], stream: null, whole: null },
  { name: 'lz4', magic: [0x04, 0x22, 0x4d, 0x18], stream: null, whole: null },
];

/** Bytes by which every format is known. */
export const MAGIC_BYTES = 6;

function compressionOf(bytes: Uint8Array): Compression | undefined {
  return COMPRESSIONS.find(({ magic }) => magic.every((byte, i) => bytes[i] === byte));
}

/**
 * What decompresses a file that begins so; null: it is not compressed.
 * @throws Error `ERR_ZEROSEND_CAPTURE` where this Node.js cannot
 */
export function decompressorOf(bytes: Uint8Array): Transform | null {
  const compression = compressionOf(bytes);
  if (compression === undefined) return null;
  if (compression.stream === null) throw unreadable(compression);
  return compression.stream();
}

/** The content of a file, decompressed where it is not. @throws Error `ERR_ZEROSEND_CAPTURE` */
export function decompressed(bytes: Uint8Array): Uint8Array {
  const compression = compressionOf(bytes);
  if (compression === undefined) return bytes;
  if (compression.whole === null) throw unreadable(compression);
  try {
    return compression.whole(bytes);
  } catch (error) {
    throw captureError(0, `${compression.name}: ${(error as Error).message}`);
  }
}

function unreadable({ name }: Compression): Error {
  const newer = name === 'zstd' ? 'which Node.js reads from 22.15 on; ' : '';
  const message = `compressed by ${name}, ${newer}decompress it into a pipe: ${name} -dc FILE | …`;
  return captureError(0, message);
}
