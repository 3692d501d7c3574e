import { type ByteOrder, byteOrder } from './byte-order.js';
import { withoutFcs } from './fcs.js';
import { type FoundFrame, LONGEST_RECORD, type RecordParser } from './records.js';

const SECTION_HEADER = 0x0a0d0d0a;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const INTERFACE_DESCRIPTION = 1;
const PACKET = 2; // obsolete
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;
const OPTION_FLAGS = 2; // of packets
const OPTION_TIMESTAMP_RESOLUTION = 9;
const OPTION_FCS_LENGTH = 13;
const OPTION_TIMESTAMP_OFFSET = 14;
/** Interfaces of a section that are still believed: each takes 200 bytes of the heap for 20 of the file. */
const MOST_INTERFACES = 2 ** 16;
const BLOCK_FRAME = 12; // type, length, and the length again at the end
const READ = [SECTION_HEADER, INTERFACE_DESCRIPTION, PACKET, SIMPLE_PACKET, ENHANCED_PACKET];

interface Interface {
  linkType: number;
  snapLength: number;
  /** how many bytes of checksum each frame ends with */
  fcs: number;
  /** turns the ticks of a timestamp into nanoseconds */
  nanoseconds: (ticks: bigint) => bigint;
}

/** Whether a file begins with a section header, which reads the same in either byte order. */
export function isPcapng(bytes: Buffer): boolean {
  return bytes.length >= 4 && bytes.readUInt32BE(0) === SECTION_HEADER;
}

/** Reads pcapng block by block, with what its sections and interfaces say. */
export class PcapngParser implements RecordParser {
  readonly format = 'pcapng';
  readonly fileHeader = 0;
  readonly record = 'block';
  #bytes: Buffer;
  #little = true;
  #order: ByteOrder;
  #interfaces: Interface[] = [];

  /** @param bytes that the file begins with */
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#order = byteOrder(bytes, true);
  }

  /** The header of a section sets the byte order, by which its length is read. */
  lengthAt(bytes: Buffer, at: number): number | string {
    const left = bytes.length - at;
    if (left < BLOCK_FRAME) return BLOCK_FRAME;
    const isSection = bytes.readUInt32BE(at) === SECTION_HEADER;
    if (isSection) {
      this.#little = bytes.readUInt32LE(at + 8) === BYTE_ORDER_MAGIC;
      if (!this.#little && bytes.readUInt32BE(at + 8) !== BYTE_ORDER_MAGIC) {
        return 'the section has no byte order';
      }
    }
    this.#look(bytes, isSection);
    const length = this.#order.u32(at + 4);
    if (length < BLOCK_FRAME || length % 4 !== 0) return `a block of ${length} bytes cannot be`;
    if (length > LONGEST_RECORD && !this.isPassedOver(bytes, at)) {
      return `a block of ${length} bytes: the file is damaged`;
    }
    return length;
  }

  isPassedOver(bytes: Buffer, at: number): boolean {
    this.#look(bytes);
    return !READ.includes(this.#order.u32(at));
  }

  endProblem(bytes: Buffer, at: number, length: number): string | null {
    this.#look(bytes);
    const again = this.#order.u32(at);
    return again === length ? null : `a block of ${length} bytes says ${again} at its end`;
  }

  read(bytes: Buffer, at: number, length: number): FoundFrame | string | null {
    const wrong = this.endProblem(bytes, at + length - 4, length);
    return wrong ?? this.#block(at, this.#order.u32(at), length);
  }

  /** Numbers are read of these bytes from here on. */
  #look(bytes: Buffer, anew = false): void {
    if (bytes === this.#bytes && !anew) return;
    this.#bytes = bytes;
    this.#order = byteOrder(bytes, this.#little);
  }

  #block(at: number, type: number, length: number): FoundFrame | string | null {
    switch (type) {
      case SECTION_HEADER:
        if (length < 28) return `a section header of ${length} bytes cannot be`;
        if (this.#order.u16(at + 12) !== 1) {
          return `pcapng version ${this.#order.u16(at + 12)} is not known`;
        }
        this.#interfaces = [];
        return null;
      case INTERFACE_DESCRIPTION:
        if (length < 20) return `an interface description of ${length} bytes cannot be`;
        if (this.#interfaces.length === MOST_INTERFACES) {
          return `more than ${MOST_INTERFACES} interfaces: the file is damaged`;
        }
        this.#interfaces.push(this.#interfaceAt(at, length));
        return null;
      case ENHANCED_PACKET:
      case PACKET:
        return this.#packet(at, type, length);
      case SIMPLE_PACKET:
        return this.#simplePacket(at, length);
      default:
        return null;
    }
  }

  #interfaceAt(at: number, length: number): Interface {
    const { u16, u32, i64 } = this.#order;
    const bytes = this.#bytes;
    const made: Interface = {
      linkType: u16(at + 8),
      snapLength: u32(at + 12),
      fcs: 0,
      nanoseconds: scale(6, 0n),
    };
    let resolution = 6;
    let offset = 0n;
    for (const { code, size, value } of this.#options(at + 16, at + length - 4)) {
      if (code === OPTION_TIMESTAMP_RESOLUTION && size === 1) resolution = bytes[value] as number;
      if (code === OPTION_TIMESTAMP_OFFSET && size === 8) offset = i64(value);
      if (code === OPTION_FCS_LENGTH && size === 1) made.fcs = fcsBytes(bytes[value] as number);
    }
    made.nanoseconds = scale(resolution, offset);
    return made;
  }

  /** The options of a block, where they are whole. */
  *#options(from: number, end: number): Generator<{ code: number; size: number; value: number }> {
    const { u16 } = this.#order;
    for (let option = from; option + 4 <= end; ) {
      const code = u16(option);
      const size = u16(option + 2);
      const value = option + 4;
      if (code === 0 || value + size > end) return;
      yield { code, size, value };
      option = value + Math.ceil(size / 4) * 4;
    }
  }

  #packet(at: number, type: number, length: number): FoundFrame | string {
    const { u16, u32 } = this.#order;
    const header = 28;
    if (length < header + 4) return `a packet block of ${length} bytes cannot be`;
    const number = type === PACKET ? u16(at + 8) : u32(at + 8);
    const from = this.#interfaces[number];
    if (from === undefined) return `a packet of interface ${number}, which is not described`;
    const captured = u32(at + 20);
    if (captured > length - header - 4) return `${captured} bytes do not fit their block`;
    const ticks = (BigInt(u32(at + 12)) << 32n) | BigInt(u32(at + 16));
    const fcs = this.#ownFcs(at + header + Math.ceil(captured / 4) * 4, at + length - 4);
    const lengths = withoutFcs(captured, u32(at + 24), fcs || from.fcs);
    const { linkType } = from;
    return { start: at + header, header, time: from.nanoseconds(ticks), linkType, ...lengths };
  }

  #simplePacket(at: number, length: number): FoundFrame | string {
    const header = 12;
    const [from] = this.#interfaces;
    if (length < header + 4) return `a packet block of ${length} bytes cannot be`;
    if (from === undefined) return 'a packet before any interface is described';
    const original = this.#order.u32(at + 8);
    const most = from.snapLength === 0 ? original : Math.min(original, from.snapLength);
    const captured = Math.min(most, length - header - 4);
    const { linkType, fcs } = from;
    const lengths = withoutFcs(captured, original, fcs);
    return { start: at + header, header, time: null, linkType, ...lengths };
  }

  /** Bytes of checksum by the flags of a packet (bits 5 to 8); 0 where they tell nothing of it. */
  #ownFcs(from: number, end: number): number {
    if (from + 8 > end) return 0;
    for (const { code, size, value } of this.#options(from, end)) {
      if (code === OPTION_FLAGS && size === 4) return (this.#order.u32(value) >>> 5) & 0xf;
    }
    return 0;
  }
}

/**
 * if_fcslen, which drafts of the format gave in bits, and programs write in bytes: no frame has a
 * checksum of more than 8 bytes.
 */
function fcsBytes(length: number): number {
  return length > 8 ? Math.floor(length / 8) : length;
}

/** if_tsresol: a negative power of ten, or of two with the highest bit set; plus whole seconds. */
function scale(resolution: number, seconds: bigint): Interface['nanoseconds'] {
  const exponent = BigInt(resolution & 0x7f);
  const perSecond = resolution & 0x80 ? 1n << exponent : 10n ** exponent;
  return (ticks) => (ticks * 1_000_000_000n) / perSecond + seconds * 1_000_000_000n;
}
