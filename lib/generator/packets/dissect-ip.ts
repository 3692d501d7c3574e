import { readWord } from './checksum.js';
import { finalAddress, hasAddresses, ipv4Options } from './ipv4-options.js';
import { ipv6Options } from './ipv6-options.js';

/** Where the parts of a captured frame begin, as far as they were captured; -1 for one that is not there. */
export interface Dissection {
  /** the IP header, and of which version it is */
  ip: number;
  family: 4 | 6;
  /** the protocol that the last known header names as the next */
  protocol: number;
  /** the header of that protocol, which only a whole packet or a first fragment has */
  transport: number;
  /** the end of the IP packet, behind which an Ethernet frame may be padded */
  end: number;
  /** whether it is only a part of an IP packet */
  fragment: boolean;
  /** of a part: the number that all parts of its packet have, and whether it is the first or last one */
  part: { id: number; first: boolean; last: boolean } | null;
  /**
   * The routing headers that the packet has yet to follow. The last one has the destination that the
   * pseudo header takes; the first `kept` bytes are those of the destination before it.
   */
  routes: { at: number; kept: number }[];
  /** the home address that the pseudo header has in place of the source (RFC 6275, 11.3.1) */
  home: number;
  /** whether IPv4 options, or IPv6 routing or destination options headers, have addresses */
  addressesInOptions: boolean;
  /** whether the kernel can cut it into segments: it does not behind every header */
  segmentable: boolean;
}

const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION_OPTIONS = 60;

/** Headers that say what comes behind them, so that a transport may be there. */
const FOLLOWED = {
  4: [AUTHENTICATION],
  6: [HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION_OPTIONS],
};

const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const MORE_FRAGMENTS = 0x2000;

/** What options and extension headers may add. */
const nothingFound = () => ({
  part: null,
  routes: [],
  home: -1,
  addressesInOptions: false,
  segmentable: true,
});

/** Reads an IPv4 packet that begins at `ip`; null where it is cut off or malformed. */
export function dissectIpv4(frame: Uint8Array, ip: number, wireLength: number): Dissection | null {
  if (ip + IPV4_HEADER > frame.length) return null;
  const header = ((frame[ip] as number) & 0xf) * 4;
  const total = readWord(frame, ip + 2);
  // A packet of more than 65535 bytes, captured before it was cut, has no total length.
  const malformed = header < IPV4_HEADER || (total < header && total !== 0);
  if ((frame[ip] as number) >> 4 !== 4 || malformed) return null;
  const flags = readWord(frame, ip + 6);
  const later = (flags & 0x1fff) !== 0;
  const found: Dissection = {
    ip,
    family: 4,
    protocol: frame[ip + 9] as number,
    transport: ip + header,
    end: total === 0 ? wireLength : ip + total,
    fragment: later || (flags & MORE_FRAGMENTS) !== 0,
    ...nothingFound(),
  };
  if (found.fragment) {
    const last = (flags & MORE_FRAGMENTS) === 0;
    found.part = { id: readWord(frame, ip + 4), first: !later, last };
  }
  readIpv4Options(frame, found, Math.min(ip + header, frame.length));
  return follow(frame, found, later);
}

/** Reads an IPv6 packet that begins at `ip`; null where it is cut off or malformed. */
export function dissectIpv6(frame: Uint8Array, ip: number, wireLength: number): Dissection | null {
  if (ip + IPV6_HEADER > frame.length || (frame[ip] as number) >> 4 !== 6) return null;
  // A jumbogram, or a packet that was captured before it was cut, has no payload length.
  const length = readWord(frame, ip + 4);
  const found: Dissection = {
    ip,
    family: 6,
    protocol: frame[ip + 6] as number,
    transport: ip + IPV6_HEADER,
    end: length === 0 ? wireLength : ip + IPV6_HEADER + length,
    fragment: false,
    ...nothingFound(),
  };
  return follow(frame, found, false);
}

/** The same packet in a frame that has so many bytes more before it, or less. */
export function moved(found: Dissection, by: number): Dissection {
  const place = (at: number) => (at < 0 ? at : at + by);
  return {
    ...found,
    ip: found.ip + by,
    transport: place(found.transport),
    end: found.end + by,
    home: place(found.home),
    routes: found.routes.map(({ at, kept }) => ({ at: at + by, kept })),
  };
}

/** Goes from header to header up to the transport; a `later` fragment has none. */
function follow(frame: Uint8Array, found: Dissection, later: boolean): Dissection {
  const limit = Math.min(found.end, frame.length);
  let first = !later;
  while (first && FOLLOWED[found.family].includes(found.protocol)) {
    const at = found.transport;
    const length = at + 8 <= limit ? lengthOf(frame, at, found.protocol) : 8;
    if (at + length > limit) {
      first = false;
      break;
    }
    switch (found.protocol) {
      case FRAGMENT: {
        const place = readWord(frame, at + 2);
        // Neither an offset nor more fragments: a whole packet (RFC 6946).
        first = (place & 0xfff8) === 0;
        if ((place & 0xfff9) !== 0) {
          const id = readWord(frame, at + 4) * 0x1_0000 + readWord(frame, at + 6);
          found.fragment = true;
          found.part = { id, first, last: (place & 1) === 0 };
        }
        found.segmentable = false;
        break;
      }
      case AUTHENTICATION:
        found.segmentable = false;
        break;
      case ROUTING:
        readRoute(frame, found, at, length);
        break;
      case DESTINATION_OPTIONS:
        readDestinationOptions(frame, found, at + 2, at + length);
        break;
    }
    found.protocol = frame[at] as number;
    found.transport = at + length;
  }
  if (!first || found.transport > limit) found.transport = -1;
  return found;
}

function lengthOf(frame: Uint8Array, at: number, protocol: number): number {
  const said = frame[at + 1] as number;
  if (protocol === FRAGMENT) return 8;
  return protocol === AUTHENTICATION ? (said + 2) * 4 : (said + 1) * 8;
}

function readIpv4Options(frame: Uint8Array, found: Dissection, end: number): void {
  if (found.ip + IPV4_HEADER >= end) return;
  for (const option of ipv4Options(frame, found.ip + IPV4_HEADER, end)) {
    if (hasAddresses(frame, option)) found.addressesInOptions = true;
    const at = finalAddress(frame, option);
    if (at >= 0) found.routes.push({ at, kept: 0 });
  }
}

const SOURCE_ROUTE = 0;
const MOBILE = 2;
const RPL = 3;
const SEGMENTS = 4;

/** A routing header: with segments left, its last one is the final destination. */
function readRoute(frame: Uint8Array, found: Dissection, at: number, length: number): void {
  found.addressesInOptions = true;
  const left = frame[at + 3] as number;
  if (left === 0) return;
  const route = { at: -1, kept: 0 };
  switch (frame[at + 2]) {
    case SOURCE_ROUTE:
      route.at = at + length - 16;
      break;
    case MOBILE:
    case SEGMENTS: // the last one comes first (RFC 8754)
      route.at = at + 8;
      break;
    case RPL: // the bytes that the last one shares with the destination are left out (RFC 6554)
      route.kept = (frame[at + 4] as number) & 0xf;
      route.at = at + length - ((frame[at + 5] as number) >> 4) - (16 - route.kept);
      break;
  }
  if (route.at >= at + 8 && route.at + 16 - route.kept <= at + length) found.routes.push(route);
}

const HOME_ADDRESS = 0xc9;

function readDestinationOptions(
  frame: Uint8Array,
  found: Dissection,
  start: number,
  end: number,
): void {
  for (const { type, at, length } of ipv6Options(frame, start, end)) {
    if (type !== HOME_ADDRESS || length !== 18) continue;
    found.home = at + 2;
    found.addressesInOptions = true;
  }
}
