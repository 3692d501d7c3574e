import { readFileSync } from 'node:fs';
import { invalidArgument } from './check.js';
import { isPcap, readPcap } from './pcap.js';
import { isPcapng, readPcapng } from './pcapng.js';

/** A frame of a capture. */
export interface CapturedFrame {
  /** What was captured of it: a view on the file. */
  bytes: Uint8Array;
  /** Bytes that it had; more than were captured when the capture cut it (it is "snapped"). */
  originalLength: number;
  /** Nanoseconds since 1970; null where the file has no time for it. */
  time: bigint | null;
  /** LINKTYPE_ number of what it begins with; 1 is Ethernet. */
  linkType: number;
  /** Where its record begins in the file, in bytes. */
  offset: number;
}

export interface CaptureProblem {
  /** Where in the file, in bytes. */
  offset: number;
  message: string;
}

/** What a capture file holds. */
export interface Capture {
  format: 'pcap' | 'pcapng';
  frames: CapturedFrame[];
  /** Frames of which the end was not captured. */
  snapped: number;
  /** Blocks of a pcapng file that are not frames. */
  skippedBlocks: number;
  /**
   * Why reading ended before the end of the file: it is cut off, or damaged. The frames before
   * that are there.
   */
  problem: CaptureProblem | null;
}

/**
 * Reads a capture: pcap (draft-ietf-opsawg-pcap) in both byte orders, with microseconds or
 * nanoseconds, or pcapng (draft-ietf-opsawg-pcapng) in both byte orders, with several sections and
 * interfaces. A file that is cut off gives the frames before the cut, and `problem`.
 * @param file the path of a file, or its content
 * @throws Error `ERR_ZEROSEND_CAPTURE` with `offset` when it is neither; the file system's errors
 */
export function readCapture(file: string | URL | Uint8Array): Capture {
  const content = contentOf(file);
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  if (isPcapng(bytes)) return readPcapng(bytes);
  if (isPcap(bytes)) return readPcap(bytes);
  const magic = bytes.subarray(0, 4).toString('hex');
  const what = bytes.length < 4 ? `${bytes.length} bytes` : `a file that begins with ${magic}`;
  throw captureError(0, `neither pcap nor pcapng: ${what}`);
}

function contentOf(file: unknown): Uint8Array {
  if (file instanceof Uint8Array) return file;
  if (typeof file === 'string' || file instanceof URL) return readFileSync(file);
  throw invalidArgument('file', 'a path or a Uint8Array', file);
}

export function captureError(offset: number, message: string): Error {
  const error = new Error(`${message} (at byte ${offset})`);
  return Object.assign(error, { code: 'ERR_ZEROSEND_CAPTURE', offset });
}
