/** Reads numbers of a file in the byte order of the machine that wrote it. */
export interface ByteOrder {
  u16(at: number): number;
  u32(at: number): number;
  i64(at: number): bigint;
}

export function byteOrder(bytes: Buffer, littleEndian: boolean): ByteOrder {
  return littleEndian
    ? {
        u16: (at) => bytes.readUInt16LE(at),
        u32: (at) => bytes.readUInt32LE(at),
        i64: (at) => bytes.readBigInt64LE(at),
      }
    : {
        u16: (at) => bytes.readUInt16BE(at),
        u32: (at) => bytes.readUInt32BE(at),
        i64: (at) => bytes.readBigInt64BE(at),
      };
}
