import { fold, PROTOCOL, writeWord } from '../packets/checksum.js';
import type { Dissection } from '../packets/dissect-ip.js';

import { GSO, NEEDS_CHECKSUM, OFFLOAD_HEADER } from '../packets/offload.js';
import { pseudoHeader, transportChecksum } from '../packets/pseudo-header.js';

/**
 * The frame behind a virtio_net_hdr. A TCP frame that is longer than `most` bytes (captured behind
 * segmentation or receive offload) is to be cut into segments of that length by the kernel.
 * @returns null for another frame that is longer
 */
export function offloadHeader(
  frame: Uint8Array,
  found: Dissection | null,
  most: number,
): Uint8Array | null {
  const bytes = Buffer.alloc(OFFLOAD_HEADER + frame.length);
  bytes.set(frame, OFFLOAD_HEADER);
  if (frame.length <= most) return bytes;
  if (found === null || found.protocol !== PROTOCOL.tcp) return null;
  if (found.fragment || !found.segmentable || found.end > frame.length) return null;
  const checksum = transportChecksum(frame, found);
  if (checksum === null) return null;
  const headers = found.transport + ((frame[found.transport + 12] as number) >> 4) * 4;
  if (headers >= most || headers > found.end) return null;
  bytes[0] = NEEDS_CHECKSUM;
  bytes[1] = found.family === 4 ? GSO.tcpv4 : GSO.tcpv6;
  bytes.writeUInt16LE(headers, 2);
  bytes.writeUInt16LE(most - headers, 4);
  bytes.writeUInt16LE(found.transport, 6);
  bytes.writeUInt16LE(checksum.at - found.transport, 8);
  // The kernel does the rest of the sum for each segment.
  const length = found.end - found.transport;
  writeWord(bytes, OFFLOAD_HEADER + checksum.at, fold(pseudoHeader(frame, found, length)));
  return bytes;
}
