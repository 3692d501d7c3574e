import { captureError } from './captured-frame.js';
import { isPcap, PCAP_FILE_HEADER, PcapParser } from './pcap.js';
import { isPcapng, PcapngParser } from './pcapng.js';
import type { RecordParser } from './records.js';

/** Bytes by which a file is known, and what is read of it before its first record. */
export const FILE_HEADER = PCAP_FILE_HEADER;

/**
 * What reads a file that begins so.
 * @param bytes the first {@link FILE_HEADER} of the file, or all that it has
 * @throws Error `ERR_ZEROSEND_CAPTURE` when it is neither, or its header cannot be read
 */
export function parserOf(bytes: Buffer): RecordParser {
  if (isPcapng(bytes)) return new PcapngParser(bytes);
  if (isPcap(bytes)) return new PcapParser(bytes);
  const magic = bytes.subarray(0, 4).toString('hex');
  const what = bytes.length < 4 ? `${bytes.length} bytes` : `a file that begins with ${magic}`;
  throw captureError(0, `neither pcap nor pcapng: ${what}`);
}
