import { byteOrder } from './byte-order.js';
import { type Capture, captureError } from './capture.js';

const MICROSECONDS = 0xa1b2c3d4;
const NANOSECONDS = 0xa1b23c4d;
const FILE_HEADER = 24;
const RECORD_HEADER = 16;
/** No capturing program takes more of a frame; a longer one means that the file is damaged. */
const LONGEST = 2 ** 26;

export function isPcap(bytes: Buffer): boolean {
  if (bytes.length < 4) return false;
  const magics = [bytes.readUInt32BE(0), bytes.readUInt32LE(0)];
  return magics.includes(MICROSECONDS) || magics.includes(NANOSECONDS);
}

export function readPcap(bytes: Buffer): Capture {
  if (bytes.length < FILE_HEADER) {
    throw captureError(bytes.length, `the file header has ${FILE_HEADER} bytes`);
  }
  const little = [MICROSECONDS, NANOSECONDS].includes(bytes.readUInt32LE(0));
  const { u16, u32 } = byteOrder(bytes, little);
  const fraction = u32(0) === NANOSECONDS ? 1n : 1000n;
  if (u16(4) !== 2) throw captureError(4, `pcap version ${u16(4)}.${u16(6)} is not known`);
  const linkType = u32(20) & 0xffff;
  const fcs = fcsLength(u32(20));
  const capture: Capture = {
    format: 'pcap',
    frames: [],
    snapped: 0,
    skippedBlocks: 0,
    problem: null,
  };
  let at = FILE_HEADER;
  while (at < bytes.length) {
    const left = bytes.length - at;
    const captured = left < RECORD_HEADER ? 0 : u32(at + 8);
    if (left < RECORD_HEADER || captured > left - RECORD_HEADER) {
      const wanted = RECORD_HEADER + captured;
      const damaged = captured > LONGEST;
      const message = damaged
        ? `a frame of ${captured} bytes: the file is damaged`
        : `the file is cut off: ${left} of ${wanted} bytes of a record are there`;
      capture.problem = { offset: at, message };
      break;
    }
    const original = u32(at + 12);
    const start = at + RECORD_HEADER;
    const cut = Math.min(fcs, captured); // with the frame's end its FCS was captured last
    const whole = captured >= original;
    capture.frames.push({
      bytes: bytes.subarray(start, start + captured - (whole ? cut : 0)),
      originalLength: Math.max(0, original - cut),
      time: BigInt(u32(at)) * 1_000_000_000n + BigInt(u32(at + 4)) * fraction,
      linkType,
      offset: at,
    });
    if (!whole) capture.snapped++;
    at = start + captured;
  }
  return capture;
}

/** Bytes of checksum at the end of each frame: bits 28 to 31 in words, where bit 26 says so. */
function fcsLength(network: number): number {
  return network & 0x0400_0000 ? (network >>> 28) * 2 : 0;
}
