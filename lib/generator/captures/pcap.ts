import { type ByteOrder, byteOrder } from './byte-order.js';
import { captureError } from './captured-frame.js';
import { withoutFcs } from './fcs.js';
import { type FoundFrame, LONGEST_RECORD, type RecordParser } from './records.js';

const MICROSECONDS = 0xa1b2c3d4;
const NANOSECONDS = 0xa1b23c4d;
/** Alexey Kuznetzov's modification: interface, protocol and packet type follow the lengths. */
const MODIFIED = 0xa1b2cd34;
const MAGICS = [MICROSECONDS, NANOSECONDS, MODIFIED];
export const PCAP_FILE_HEADER = 24;
const RECORD_HEADER = 16;
const MODIFIED_RECORD_HEADER = 24;

/** Whether a file begins with one of the magic numbers of pcap, in either byte order. */
export function isPcap(bytes: Buffer): boolean {
  return (
    bytes.length >= 4 &&
    (MAGICS.includes(bytes.readUInt32BE(0)) || MAGICS.includes(bytes.readUInt32LE(0)))
  );
}

/** Reads pcap of all versions, by what its file header says. */
export class PcapParser implements RecordParser {
  readonly format = 'pcap';
  readonly fileHeader = PCAP_FILE_HEADER;
  readonly record = 'record';
  readonly #little: boolean;
  readonly #fraction: bigint;
  readonly #header: number;
  readonly #isSwapped: (first: number, second: number) => boolean;
  readonly #linkType: number;
  readonly #fcs: number;
  /** the bytes that the numbers were last read of */
  #bytes: Buffer | null = null;
  #order: ByteOrder;

  /**
   * @param bytes the file header at least, where the file has one
   * @throws Error `ERR_ZEROSEND_CAPTURE` for a header that is cut off or of an unknown version
   */
  constructor(bytes: Buffer) {
    if (bytes.length < PCAP_FILE_HEADER) {
      throw captureError(bytes.length, `the file header has ${PCAP_FILE_HEADER} bytes`);
    }
    this.#little = MAGICS.includes(bytes.readUInt32LE(0));
    this.#order = byteOrder(bytes, this.#little);
    const { u16, u32 } = this.#order;
    this.#fraction = u32(0) === NANOSECONDS ? 1n : 1000n;
    this.#header = u32(0) === MODIFIED ? MODIFIED_RECORD_HEADER : RECORD_HEADER;
    this.#isSwapped = swappedLengths(u16(4), u16(6));
    this.#linkType = u32(20) & 0xffff;
    this.#fcs = fcsLength(u32(20));
  }

  lengthAt(bytes: Buffer, at: number): number | string {
    if (bytes.length - at < this.#header) return this.#header;
    const { captured } = this.#lengths(bytes, at);
    if (captured > LONGEST_RECORD) return `a frame of ${captured} bytes: the file is damaged`;
    return this.#header + captured;
  }

  isPassedOver(): boolean {
    return false;
  }

  endProblem(): null {
    return null;
  }

  read(bytes: Buffer, at: number): FoundFrame {
    const { captured, original } = this.#lengths(bytes, at);
    const { u32 } = this.#orderOf(bytes);
    return {
      start: at + this.#header,
      header: this.#header,
      time: BigInt(u32(at)) * 1_000_000_000n + BigInt(u32(at + 4)) * this.#fraction,
      linkType: this.#linkType,
      ...withoutFcs(captured, original, this.#fcs),
    };
  }

  #lengths(bytes: Buffer, at: number): { captured: number; original: number } {
    const { u32 } = this.#orderOf(bytes);
    const captured = u32(at + 8);
    const original = u32(at + 12);
    if (this.#isSwapped(captured, original)) return { captured: original, original: captured };
    return { captured, original };
  }

  #orderOf(bytes: Buffer): ByteOrder {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#order = byteOrder(bytes, this.#little);
    }
    return this.#order;
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
