/** A frame as a parser finds it in the bytes it is given. */
export interface FoundFrame {
  /** where its bytes begin, and how many were captured */
  start: number;
  captured: number;
  /** how many bytes the packet had before it was cut off by whoever captured it */
  original: number;
  /** how many bytes of the record come before the frame's own */
  header: number;
  /** ns; null where the file has none */
  time: bigint | null;
  linkType: number;
}

/**
 * Reads a file record by record, from bytes that may be all of it or a part. It keeps what later records
 * depend on (byte order, interfaces), but none of the bytes.
 */
export interface RecordParser {
  readonly format: 'pcap' | 'pcapng';
  /** Bytes that come before the first record. */
  readonly fileHeader: number;
  /** What a record is called. */
  readonly record: string;
  /**
   * How long the record at `at` is. It has the last word where so many bytes are there; where fewer are,
   * so many are wanted before it is asked again. A text: what is wrong with the record.
   */
  lengthAt(bytes: Buffer, at: number): number | string;
  /** Whether nothing is wanted of a record but its length and its end. */
  isPassedOver(bytes: Buffer, at: number): boolean;
  /** What is wrong with the end of a record that is passed over: its last 4 bytes, which are at `at`. */
  endProblem(bytes: Buffer, at: number, length: number): string | null;
  /** Reads a record that is there as a whole: a frame; null: something else; a text: what is wrong. */
  read(bytes: Buffer, at: number, length: number): FoundFrame | string | null;
}

/** No capturing program takes more of a frame; a longer one means that the file is damaged. */
export const LONGEST_RECORD = 2 ** 26;

/** What is wrong with a file that ends within a record. */
export function cutOff(left: number, wanted: number, record: string): string {
  return `the file is cut off: ${left} of ${wanted} bytes of a ${record} are there`;
}
