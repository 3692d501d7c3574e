import { ipv4HeaderEnd, readWord, writeIpv4Checksum, writeWord } from './checksum.js';
import type { Dissection } from './dissect-ip.js';
import { ipv4Options, NO_OPERATION } from './ipv4-options.js';

const IPV4_HEADER = 20;
const COPIED = 0x80; // of the type of an option
const IPV6_HEADER = 40;
const FRAGMENT_HEADER = 8;
const UNIT = 8; // bytes; fragment offsets count in these
const MORE = 0x2000; // of IPv4
const OFFSET = 0x1fff;
/** Bytes of a whole packet, of IPv6 behind its header: places in a longer one cannot be said. */
const LONGEST = 0xffff;
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const DESTINATION_OPTIONS = 60;

/**
 * Cuts an IP packet into fragments (RFC 791, RFC 8200 section 4.5). Checksums of what it carries cover all
 * fragments together and stay. Don't Fragment is taken off, or nobody could pass the fragments on.
 * @param most bytes of a frame
 * @param id of the fragments of an IPv6 packet; those of IPv4 keep their own
 * @returns null for what cannot be cut: it is not there as a whole, is longer than a packet that is put together
 * again can be, or is an IPv6 fragment already
 */
export function fragmentsOf(
  frame: Uint8Array,
  found: Dissection | null,
  most: number,
  id: number,
): Uint8Array[] | null {
  if (found === null || found.end > frame.length) return null;
  const { ip, family, end } = found;
  const before = family === 4 ? (readWord(frame, ip + 6) & OFFSET) * UNIT : -IPV6_HEADER;
  if (before + end - ip > LONGEST) return null;
  const headers = family === 4 ? ipv4HeaderEnd(frame, ip) : unfragmentable(frame, ip, end);
  if (headers === null) return null;
  const added = family === 4 ? 0 : FRAGMENT_HEADER;
  const size = Math.floor((most - headers - added) / UNIT) * UNIT;
  if (size < UNIT) return null;
  const fragments: Uint8Array[] = [];
  for (let at = headers; at < end; at += size) {
    const part = frame.subarray(at, Math.min(at + size, end));
    const fragment = new Uint8Array(headers + added + part.length);
    fragment.set(frame.subarray(0, headers));
    fragment.set(part, headers + added);
    const units = (at - headers) / UNIT;
    const last = at + size >= end;
    if (family === 4) finishIpv4(fragment, ip, headers, { units, last });
    else finishIpv6(fragment, ip, headers, { units, last, id });
    fragments.push(fragment);
  }
  return fragments;
}

/** What is a fragment already becomes smaller ones, of which the last is followed by others if it was. */
function finishIpv4(
  fragment: Uint8Array,
  ip: number,
  at: number,
  { units, last }: { units: number; last: boolean },
): void {
  if (units > 0) blankFirstOptions(fragment, ip + IPV4_HEADER, at);
  const was = readWord(fragment, ip + 6);
  const more = last ? was & MORE : MORE;
  writeWord(fragment, ip + 2, fragment.length - ip);
  writeWord(fragment, ip + 6, more | (((was & OFFSET) + units) & OFFSET));
  writeIpv4Checksum(fragment, ip);
}

/** Only the first fragment has options that do not say that they are copied, such as record route (RFC 791). */
function blankFirstOptions(fragment: Uint8Array, start: number, end: number): void {
  for (const { type, at, length } of ipv4Options(fragment, start, end)) {
    if ((type & COPIED) === 0) fragment.fill(NO_OPERATION, at, at + length);
  }
}

function finishIpv6(
  fragment: Uint8Array,
  ip: number,
  at: number,
  { units, last, id }: { units: number; last: boolean; id: number },
): void {
  const says = lastNextHeader(fragment, ip, at);
  fragment[at] = fragment[says] as number;
  fragment[says] = FRAGMENT;
  writeWord(fragment, at + 2, (units << 3) | Number(!last));
  writeWord(fragment, at + 4, id >>> 16);
  writeWord(fragment, at + 6, id);
  writeWord(fragment, ip + 4, fragment.length - ip - IPV6_HEADER);
}

/** Where the part of an IPv6 packet ends that each fragment has: behind what nodes on the way look at. */
function unfragmentable(frame: Uint8Array, ip: number, end: number): number | null {
  let unfragmented = ip + IPV6_HEADER;
  let next = frame[ip + 6] as number;
  let at = unfragmented;
  while (next === HOP_BY_HOP || next === ROUTING || next === DESTINATION_OPTIONS) {
    if (at + 8 > end) return null;
    const passed = next;
    next = frame[at] as number;
    at += 8 * ((frame[at + 1] as number) + 1);
    if (passed !== DESTINATION_OPTIONS) unfragmented = at;
  }
  return next === FRAGMENT || unfragmented > end ? null : unfragmented;
}

/** Where the byte is that says what follows the header that ends at `at`. */
function lastNextHeader(frame: Uint8Array, ip: number, at: number): number {
  let says = ip + 6;
  for (let header = ip + IPV6_HEADER; header < at; ) {
    says = header;
    header += 8 * ((frame[header + 1] as number) + 1);
  }
  return says;
}
