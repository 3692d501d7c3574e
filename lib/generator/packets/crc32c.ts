const REVERSED_POLYNOMIAL = 0x82f6_3b78; // Castagnoli's (RFC 9260, appendix A)

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) {
    value = value & 1 ? (value >>> 1) ^ REVERSED_POLYNOMIAL : value >>> 1;
  }
  return value;
});

/** The CRC-32C of the bytes from `start` to `end`. Node's zlib.crc32 has another polynomial. */
export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  let crc = 0xffff_ffff;
  for (let i = start; i < end; i++) {
    crc = (TABLE[(crc ^ (bytes[i] as number)) & 0xff] as number) ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}
