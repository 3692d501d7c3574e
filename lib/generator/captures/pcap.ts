import type { Steps } from '../base/steps.js';
import { byteOrder } from './byte-order.js';
import { captureError } from './captured-frame.js';
import { withoutFcs } from './fcs.js';
import type { CaptureFile } from './frame-index.js';

const MICROSECONDS = 0xa1b2c3d4;
const NANOSECONDS = 0xa1b23c4d;
/** Alexey Kuznetzov's modification: interface, protocol and packet type follow the lengths. */
const MODIFIED = 0xa1b2cd34;
const MAGICS = [MICROSECONDS, NANOSECONDS, MODIFIED];
const FILE_HEADER = 24;
const RECORD_HEADER = 16;
const MODIFIED_RECORD_HEADER = 24;
/** No capturing program takes more of a frame; a longer one means that the file is damaged. */
const LONGEST = 2 ** 26;
const STEP = 4096;

/** Whether a file begins with one of the magic numbers of pcap, in either byte order. */
export function isPcap(bytes: Buffer): boolean {
  return (
    bytes.length >= 4 &&
    (MAGICS.includes(bytes.readUInt32BE(0)) || MAGICS.includes(bytes.readUInt32LE(0)))
  );
}

/**
 * Adds the frames of a file to its index, a few thousand with each step.
 * @throws Error `ERR_ZEROSEND_CAPTURE` for a header that is cut off or of an unknown version
 */
export function* readPcap(bytes: Buffer, file: CaptureFile): Steps<void> {
  if (bytes.length < FILE_HEADER) {
    throw captureError(bytes.length, `the file header has ${FILE_HEADER} bytes`);
  }
  const { u16, u32 } = byteOrder(bytes, MAGICS.includes(bytes.readUInt32LE(0)));
  const fraction = u32(0) === NANOSECONDS ? 1n : 1000n;
  const header = u32(0) === MODIFIED ? MODIFIED_RECORD_HEADER : RECORD_HEADER;
  const swapped = swappedLengths(u16(4), u16(6));
  const linkType = u32(20) & 0xffff;
  const fcs = fcsLength(u32(20));
  for (let at = FILE_HEADER, read = 1; at < bytes.length; read++) {
    const left = bytes.length - at;
    let captured = left < header ? 0 : u32(at + 8);
    let original = left < header ? 0 : u32(at + 12);
    if (swapped(captured, original)) [captured, original] = [original, captured];
    if (left < header || captured > left - header) {
      const wanted = header + captured;
      const message =
        captured > LONGEST
          ? `a frame of ${captured} bytes: the file is damaged`
          : `the file is cut off: ${left} of ${wanted} bytes of a record are there`;
      file.problem = { offset: at, message };
      return;
    }
    const start = at + header;
    const time = BigInt(u32(at)) * 1_000_000_000n + BigInt(u32(at + 4)) * fraction;
    const frame = { start, header, time, linkType, ...withoutFcs(captured, original, fcs) };
    file.problem = file.index.add(frame);
    if (file.problem !== null) return;
    at = start + captured;
    if (read % STEP === 0) yield;
  }
}

/**
 * Which of the two lengths comes first: before version 2.3 and in 543.0 (DG/UX) what the frame had;
 * in 2.3 either, as the programs of that time took it (libpcap, sf-pcap.c).
 */
function swappedLengths(major: number, minor: number): (first: number, second: number) => boolean {
  if (major === 543) return () => true;
  if (major !== 2) throw captureError(4, `pcap version ${major}.${minor} is not known`);
  if (minor < 3) return () => true;
  return minor === 3 ? (first, second) => first > second : () => false;
}

/** Bytes of checksum at the end of each frame: bits 28 to 31 in words, where bit 26 says so. */
function fcsLength(network: number): number {
  return network & 0x0400_0000 ? (network >>> 28) * 2 : 0;
}
