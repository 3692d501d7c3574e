import { fold, PROTOCOL, writeWord } from '../packets/checksum.js';
import type { Dissection } from '../packets/dissect-ip.js';
import { GSO, NEEDS_CHECKSUM, OFFLOAD_HEADER } from '../packets/offload.js';
import { pseudoHeader, transportChecksum } from '../packets/pseudo-header.js';
import { segmentable } from '../packets/segments.js';

/** Datagrams that the kernel makes of one (UDP_MAX_SEGMENTS before Linux 6.9). */
const MOST_DATAGRAMS = 64;

/** The frame behind a virtio_net_hdr that asks for nothing. */
export function behindOffloadHeader(frame: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(OFFLOAD_HEADER + frame.length);
  bytes.set(frame, OFFLOAD_HEADER);
  return bytes;
}

/**
 * The frame behind a virtio_net_hdr by which the kernel cuts it into segments of at most `most` bytes:
 * TCP and UDP, as captured behind segmentation or receive offload.
 * @returns null for a frame that it does not cut
 */
export function segmentedByKernel(
  frame: Uint8Array,
  found: Dissection | null,
  most: number,
): Uint8Array | null {
  const headers = segmentable(frame, found);
  if (found === null || headers === null || headers >= most) return null;
  const checksum = transportChecksum(frame, found);
  if (checksum === null) return null;
  const size = most - headers;
  const datagrams = found.protocol === PROTOCOL.udp;
  if (datagrams && found.end - headers > MOST_DATAGRAMS * size) return null;
  // The kernel takes all that is there for payload, also what a frame has behind its packet.
  const bytes = Buffer.from(behindOffloadHeader(frame.subarray(0, found.end)).buffer);
  const ofTcp = found.family === 4 ? GSO.tcpv4 : GSO.tcpv6;
  bytes[0] = NEEDS_CHECKSUM;
  bytes[1] = datagrams ? GSO.udp : ofTcp;
  bytes.writeUInt16LE(headers, 2);
  bytes.writeUInt16LE(size, 4);
  bytes.writeUInt16LE(found.transport, 6);
  bytes.writeUInt16LE(checksum.at - found.transport, 8);
  // The kernel does the rest of the sum for each segment.
  const length = found.end - found.transport;
  writeWord(bytes, OFFLOAD_HEADER + checksum.at, fold(pseudoHeader(frame, found, length)));
  return bytes;
}
