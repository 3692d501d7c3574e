// Writes capture files as the two formats' descriptions say, one field after the other.

export interface Written {
  bytes: Uint8Array;
  /** ns */
  time: bigint;
  originalLength?: number;
}

class Writer {
  readonly #parts: Buffer[] = [];
  constructor(readonly little: boolean) {}

  u16(...values: number[]): this {
    for (const value of values) {
      const part = Buffer.alloc(2);
      if (this.little) part.writeUInt16LE(value);
      else part.writeUInt16BE(value);
      this.#parts.push(part);
    }
    return this;
  }

  u32(...values: number[]): this {
    for (const value of values) {
      const part = Buffer.alloc(4);
      if (this.little) part.writeUInt32LE(value);
      else part.writeUInt32BE(value);
      this.#parts.push(part);
    }
    return this;
  }

  bytes(bytes: Uint8Array, align = 1): this {
    this.#parts.push(Buffer.from(bytes), Buffer.alloc((align - (bytes.length % align)) % align));
    return this;
  }

  end(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

export function pcap(
  frames: readonly Written[],
  { little = true, nanoseconds = false, linkType = 1, fcs = 0 } = {},
): Buffer {
  const file = new Writer(little).u32(nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4).u16(2, 4);
  const network = fcs > 0 ? ((fcs / 2) * 2 ** 28 + 0x0400_0000 + linkType) >>> 0 : linkType;
  file.u32(0, 0, 65_535, network);
  for (const { bytes, time, originalLength = bytes.length } of frames) {
    const fraction = Number(time % 1_000_000_000n);
    file.u32(Number(time / 1_000_000_000n), nanoseconds ? fraction : Math.floor(fraction / 1000));
    file.u32(bytes.length, originalLength).bytes(bytes);
  }
  return file.end();
}

export function block(little: boolean, type: number, body: Buffer): Buffer {
  const length = body.length + 12;
  return new Writer(little).u32(type, length).bytes(body).u32(length).end();
}

export function sectionHeader(little: boolean): Buffer {
  const all = 0xffff_ffff; // the length of the section is not known
  return block(
    little,
    0x0a0d0d0a,
    new Writer(little).u32(0x1a2b3c4d).u16(1, 0).u32(all, all).end(),
  );
}

/** @param options code and value of each */
export function interfaceBlock(
  little: boolean,
  linkType: number,
  options: [number, Uint8Array][] = [],
  snapLength = 0,
): Buffer {
  const body = new Writer(little).u16(linkType, 0).u32(snapLength);
  for (const [code, value] of options) body.u16(code, value.length).bytes(value, 4);
  if (options.length > 0) body.u16(0, 0);
  return block(little, 1, body.end());
}

/** @param ticks in the units of the interface */
export function packetBlock(
  little: boolean,
  from: number,
  ticks: bigint,
  bytes: Uint8Array,
  originalLength = bytes.length,
): Buffer {
  const body = new Writer(little)
    .u32(from, Number(ticks >> 32n), Number(ticks & 0xffff_ffffn), bytes.length, originalLength)
    .bytes(bytes, 4);
  return block(little, 6, body.end());
}

export function simplePacketBlock(little: boolean, bytes: Uint8Array, originalLength: number) {
  return block(little, 3, new Writer(little).u32(originalLength).bytes(bytes, 4).end());
}
