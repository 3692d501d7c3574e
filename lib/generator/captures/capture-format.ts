import { outOfRange } from '../../base/errors.js';
import { rangeError } from '../base/errors.js';

/** The formats in which captures are written. */
export type CaptureFormat = 'pcap' | 'pcapng';

/** A frame as it is written. */
export interface WrittenFrame {
  bytes: Uint8Array;
  /** bytes that it had before its end was cut off */
  originalLength: number;
  /** ns since 1970 */
  time: bigint;
  linkType: number;
}

/** Makes the bytes of a capture file, record by record, each laid into memory that is given. */
export interface CaptureEncoder {
  /** What a file begins with. */
  begin(): Uint8Array;
  /** Bytes of what stands before a frame and behind it, at most. */
  readonly overhead: number;
  /**
   * Lays a frame to `at`; returns where the next one begins.
   * @throws RangeError `ERR_ZEROSEND_OUT_OF_RANGE` for a time that the format does not hold,
   * `ERR_ZEROSEND_CAPTURE` for a link type
   */
  lay(into: Buffer, at: number, frame: WrittenFrame): number;
}

/** No program reads longer ones: MAXIMUM_SNAPLEN of libpcap. */
export const LONGEST_FRAME = 262_144;
const SECOND = 1_000_000_000n;

/** @param linkType of all frames, for pcap, which has one for a file */
export function encoderOf(format: CaptureFormat, linkType: number): CaptureEncoder {
  return format === 'pcap' ? new PcapEncoder(linkType) : new PcapngEncoder();
}

const PCAP_NANOSECONDS = 0xa1b23c4d;
const PCAP_HEADER = 24;
const PCAP_RECORD = 16;

/** pcap with nanoseconds (draft-ietf-opsawg-pcap), little-endian. */
class PcapEncoder implements CaptureEncoder {
  readonly overhead = PCAP_RECORD;
  readonly #linkType: number;

  constructor(linkType: number) {
    this.#linkType = linkType;
  }

  begin(): Uint8Array {
    const header = Buffer.alloc(PCAP_HEADER);
    header.writeUInt32LE(PCAP_NANOSECONDS, 0);
    header.writeUInt16LE(2, 4);
    header.writeUInt16LE(4, 6);
    header.writeUInt32LE(LONGEST_FRAME, 16);
    header.writeUInt32LE(this.#linkType, 20);
    return header;
  }

  lay(into: Buffer, at: number, { bytes, originalLength, time, linkType }: WrittenFrame): number {
    if (linkType !== this.#linkType) {
      const message = `pcap has one link type for a file (${this.#linkType}); received ${linkType}: pcapng takes both`;
      throw rangeError('ERR_ZEROSEND_CAPTURE', message);
    }
    const seconds = time / SECOND;
    if (time < 0n || seconds > 0xffff_ffffn)
      throw outOfRange('time', '1970 to 2106, as pcap holds it', time);
    into.writeUInt32LE(Number(seconds), at);
    into.writeUInt32LE(Number(time % SECOND), at + 4);
    into.writeUInt32LE(bytes.length, at + 8);
    into.writeUInt32LE(originalLength, at + 12);
    into.set(bytes, at + PCAP_RECORD);
    return at + PCAP_RECORD + bytes.length;
  }
}

const SECTION_HEADER = 28;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const INTERFACE_BLOCK = 32;
const PACKET_BLOCK = 32;
const NANOSECONDS = 9; // if_tsresol: 10^-9

/** pcapng (draft-ietf-opsawg-pcapng), little-endian, with an interface for each link type. */
class PcapngEncoder implements CaptureEncoder {
  readonly overhead = INTERFACE_BLOCK + PACKET_BLOCK + 3;
  readonly #interfaces: number[] = [];

  begin(): Uint8Array {
    const section = Buffer.alloc(SECTION_HEADER);
    section.writeUInt32LE(0x0a0d0d0a, 0);
    section.writeUInt32LE(SECTION_HEADER, 4);
    section.writeUInt32LE(BYTE_ORDER_MAGIC, 8);
    section.writeUInt16LE(1, 12);
    section.fill(0xff, 16, 24); // the length of the section is not known
    section.writeUInt32LE(SECTION_HEADER, 24);
    return section;
  }

  lay(into: Buffer, at: number, { bytes, originalLength, time, linkType }: WrittenFrame): number {
    if (time < 0n || time > 0xffff_ffff_ffff_ffffn) {
      throw outOfRange('time', '1970 to 2554, as pcapng holds it', time);
    }
    let number = this.#interfaces.indexOf(linkType);
    let block = at;
    if (number < 0) {
      number = this.#interfaces.push(linkType) - 1;
      block = layInterface(into, at, linkType);
    }
    const { length } = bytes;
    const padding = (4 - (length % 4)) % 4;
    const end = block + PACKET_BLOCK + length + padding;
    into.writeUInt32LE(6, block);
    into.writeUInt32LE(end - block, block + 4);
    into.writeUInt32LE(number, block + 8);
    into.writeUInt32LE(Number(time >> 32n), block + 12);
    into.writeUInt32LE(Number(time & 0xffff_ffffn), block + 16);
    into.writeUInt32LE(length, block + 20);
    into.writeUInt32LE(originalLength, block + 24);
    into.set(bytes, block + 28);
    into.fill(0, block + 28 + length, end - 4);
    into.writeUInt32LE(end - block, end - 4);
    return end;
  }
}

function layInterface(into: Buffer, at: number, linkType: number): number {
  into.fill(0, at, at + INTERFACE_BLOCK);
  into.writeUInt32LE(1, at);
  into.writeUInt32LE(INTERFACE_BLOCK, at + 4);
  into.writeUInt16LE(linkType, at + 8);
  into.writeUInt32LE(LONGEST_FRAME, at + 12);
  into.writeUInt16LE(9, at + 16); // if_tsresol
  into.writeUInt16LE(1, at + 18);
  into[at + 20] = NANOSECONDS;
  into.writeUInt32LE(INTERFACE_BLOCK, at + INTERFACE_BLOCK - 4);
  return at + INTERFACE_BLOCK;
}
