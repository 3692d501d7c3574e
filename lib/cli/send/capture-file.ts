import { open } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Packets } from './packet.js';

/** Nanosecond pcap (draft-ietf-opsawg-pcap), little-endian. */
const MAGIC = 0xa1b23c4d;
const SNAPLEN = 262_144;
const LINKTYPE_ETHERNET = 1;
const RECORD_HEADER = 16;
/** Bytes that are written at once. */
const CHUNK = 2 ** 18;
const SECOND = 1_000_000_000n;

export interface CaptureOrder {
  readonly path: string;
  readonly packets: Packets;
  readonly count: number;
  /** Between two packets; null: without a rate, all have one time, and replay them flat out. */
  readonly packetsPerSecond: number | null;
  readonly signal: AbortSignal;
  onWritten(packets: number, bytes: number): void;
}

export interface Written {
  readonly packets: number;
  readonly bytes: number;
  /** From the time of the first packet to where the next one would be. */
  readonly seconds: number;
}

/**
 * Writes the packets that would be sent to a capture, at the times at which they would be. Ends early, with
 * a file that is whole, when the signal is aborted.
 * @throws rejects with the errors of the file system
 */
export async function writeCapture(order: CaptureOrder): Promise<Written> {
  const { path, packets, count, packetsPerSecond, signal, onWritten } = order;
  const { sequence } = packets;
  const frame = Buffer.alloc(sequence.length);
  sequence.init(frame);
  const longest = RECORD_HEADER + sequence.length;
  const chunk = Buffer.alloc(Math.max(CHUNK, longest));
  const first = BigInt(Date.now()) * 1_000_000n;
  const gap = packetsPerSecond === null ? 0 : 1e9 / packetsPerSecond;
  let written = 0;
  let bytes = 0;
  await using file = await open(path, 'w');
  await file.appendFile(fileHeader());
  while (written < count && !signal.aborted) {
    let at = 0;
    while (written < count && at + longest <= chunk.length) {
      const time = first + BigInt(Math.round(written * gap));
      const length = sequence.stamp(frame);
      chunk.writeUInt32LE(Number(time / SECOND), at);
      chunk.writeUInt32LE(Number(time % SECOND), at + 4);
      chunk.writeUInt32LE(length, at + 8);
      chunk.writeUInt32LE(length, at + 12);
      frame.copy(chunk, at + RECORD_HEADER, 0, length);
      at += RECORD_HEADER + length;
      bytes += length;
      written++;
    }
    await file.appendFile(chunk.subarray(0, at));
    onWritten(written, bytes);
    await nextTurn();
  }
  return { packets: written, bytes, seconds: (written * gap) / 1e9 };
}

function fileHeader(): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(MAGIC, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(SNAPLEN, 16);
  header.writeUInt32LE(LINKTYPE_ETHERNET, 20);
  return header;
}

/** Packets a second of a rate; `bytes` of each on the wire. */
export function packetRate(
  rate: { packets: number } | { bits: number; overhead?: number },
  bytes: number,
): number {
  return 'packets' in rate ? rate.packets : rate.bits / (8 * (bytes + (rate.overhead ?? 0)));
}

/** What the live view is told while a file is written: there are no ids, nor a pool. */
export function writingReading(packets: number, bytes: number, seconds: number) {
  const nothing = { outcomes: null, latency: null, pool: null, interfaceDropped: null };
  return { seconds, packets, bytes, sends: 0, inFlight: 0, rateError: null, ...nothing };
}
