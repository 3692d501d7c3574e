import { invalidArgument } from '../../base/errors.js';
import {
  fold,
  PROTOCOL,
  readWord,
  sumWords,
  udpChecksum,
  writeIpv4Checksum,
  writeWord,
} from './checksum.js';
import { dissect } from './dissect.js';
import type { Dissection } from './dissect-ip.js';
import { ipv6Options } from './ipv6-options.js';
import { NEEDS_CHECKSUM, OFFLOAD_HEADER } from './offload.js';
import { TCP_FLAGS } from './protocols/tcp.js';
import { sumOf, transportChecksum } from './pseudo-header.js';

const UDP_HEADER = 8;
const IPV6_HEADER = 40;
const HOP_BY_HOP = 0;
/** Options of the hop-by-hop header. */
const PADN = 1;
const JUMBO = 0xc2;
const JUMBO_LENGTH = 6;

/**
 * Where the payload of a TCP or UDP packet begins that can be cut into segments; null for any other
 * packet, for a fragment, and for one that is not there as a whole.
 */
export function segmentable(frame: Uint8Array, found: Dissection | null): number | null {
  if (found === null || found.fragment || !found.segmentable) return null;
  const { transport, protocol, end } = found;
  if (transport < 0 || end > frame.length) return null;
  const tcp = protocol === PROTOCOL.tcp;
  if (!tcp && protocol !== PROTOCOL.udp) return null;
  if (transport + (tcp ? 20 : UDP_HEADER) > end) return null;
  const header = tcp ? ((frame[transport + 12] as number) >> 4) * 4 : UDP_HEADER;
  return header >= UDP_HEADER && transport + header < end ? transport + header : null;
}

/**
 * Cuts a TCP or UDP packet into segments as the kernel does (`tcp_gso_segment`, `__udp_gso_segment`):
 * each has the headers of the whole, with a length, sequence number and checksums of its own.
 * @param payload where the payload begins, of {@link segmentable}
 * @param size bytes of payload in each, but for the last
 */
export function segmentsOf(
  frame: Uint8Array,
  found: Dissection,
  payload: number,
  size: number,
): Uint8Array[] {
  const segments: Uint8Array[] = [];
  for (let at = payload; at < found.end; at += size) {
    const part = frame.subarray(at, Math.min(at + size, found.end));
    const segment = new Uint8Array(payload + part.length);
    segment.set(frame.subarray(0, payload));
    segment.set(part, payload);
    finish(segment, found, {
      number: segments.length,
      before: at - payload,
      last: at + size >= found.end,
    });
    segments.push(segment);
  }
  return segments;
}

function finish(
  segment: Uint8Array,
  found: Dissection,
  { number, before, last }: { number: number; before: number; last: boolean },
): void {
  const { ip, family, transport, protocol } = found;
  if (family === 4) {
    writeWord(segment, ip + 2, segment.length - ip);
    writeWord(segment, ip + 4, readWord(segment, ip + 4) + number);
    writeIpv4Checksum(segment, ip);
  } else {
    writeWord(segment, ip + 4, segment.length - ip - IPV6_HEADER);
    withoutJumboLength(segment, ip);
  }
  if (protocol === PROTOCOL.tcp) {
    const view = new DataView(segment.buffer, segment.byteOffset);
    view.setUint32(transport + 4, view.getUint32(transport + 4) + before);
    const absent = (last ? 0 : TCP_FLAGS.fin | TCP_FLAGS.psh) | (number > 0 ? TCP_FLAGS.cwr : 0);
    segment[transport + 13] = (segment[transport + 13] as number) & ~absent;
  } else {
    writeWord(segment, transport + 4, segment.length - transport);
  }
  const own = { ...found, end: segment.length };
  const checksum = transportChecksum(segment, own);
  if (checksum === null || (checksum.zero === 'none' && readWord(segment, checksum.at) === 0))
    return;
  writeWord(segment, checksum.at, 0);
  const sum = ~sumOf(segment, own, checksum) & 0xffff;
  writeWord(segment, checksum.at, checksum.zero === 'a sum' ? sum : udpChecksum(sum));
}

/**
 * Blanks the length of a jumbogram, which a packet with a length of its own must not have (RFC 2675); the kernel
 * takes the header with it off.
 */
function withoutJumboLength(segment: Uint8Array, ip: number): void {
  if (segment[ip + 6] !== HOP_BY_HOP) return;
  const start = ip + IPV6_HEADER;
  const end = start + 8 * ((segment[start + 1] as number) + 1);
  for (const { type, at, length } of ipv6Options(segment, start + 2, end)) {
    if (type !== JUMBO || length !== JUMBO_LENGTH) continue;
    segment[at] = PADN;
    segment.fill(0, at + 2, at + length);
  }
}

/**
 * The frames that leave for what a packet socket is given behind a virtio_net_hdr: with the checksum
 * that was left to the kernel, and cut into segments where that was asked for.
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT` for segments of what has none
 */
export function offloadedFrames(bytes: Uint8Array, linkType: number): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const frame = bytes.subarray(OFFLOAD_HEADER);
  if ((bytes[0] as number) !== NEEDS_CHECKSUM) return [frame];
  const size = bytes[1] === 0 ? 0 : view.getUint16(4, true);
  if (size === 0) {
    const start = view.getUint16(6, true);
    const whole = Uint8Array.from(frame);
    const sum = ~fold(sumWords(whole, start, whole.length)) & 0xffff;
    writeWord(whole, start + view.getUint16(8, true), udpChecksum(sum));
    return [whole];
  }
  const found = dissect(frame, linkType);
  const payload = segmentable(frame, found);
  if (found === null || payload === null) {
    throw invalidArgument('segmentSize', 'of a TCP or UDP packet that is not in a tunnel', size);
  }
  return segmentsOf(frame, found, payload, size);
}
