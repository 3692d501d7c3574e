import { isIP } from 'node:net';
import { invalidArgument, outOfRange } from '../../base/errors.js';
import { checkInteger, checkObject } from '../../base/validate.js';
import { rangeError } from '../base/errors.js';
import { checkBoolean, checkKeys } from '../base/validate.js';
import { parseAddress } from '../packets/addresses.js';
import {
  change,
  fold,
  ipv4HeaderEnd,
  PROTOCOL,
  readWord,
  shifted,
  sumWords,
  udpChecksum,
  writeIpv4Checksum,
  writeWord,
} from '../packets/checksum.js';
import type { Dissection } from '../packets/dissect-ip.js';
import {
  isComplete,
  isRight,
  pseudoAddresses,
  sumOf,
  type TransportChecksum,
  transportChecksum,
} from '../packets/pseudo-header.js';

/**
 * What of captured frames is changed before they are sent: MAC addresses of the Ethernet header,
 * addresses of the IP header behind it, and ports behind that. Addresses elsewhere stay;
 * `notRewritten` of the report counts such frames. Checksums are kept as right as they were: a
 * right one stays right, a wrong one wrong by the same difference.
 */
export interface Rewrite {
  /** Also what frames of a capture without Ethernet headers get before them. */
  ethernet?: {
    /** Like `'02:00:00:00:00:01'`; default: as captured. */
    source?: string;
    /** As `source`. */
    destination?: string;
  };
  /**
   * From address or prefix to address or prefix, of one family: `{ '10.0.0.1': '198.18.0.1' }`,
   * `{ '10.1.0.0/16': '198.18.0.0/16' }` (the host part stays). The first that fits is taken.
   */
  addresses?: Record<string, string>;
  /** UDP and TCP ports, from port to port. */
  ports?: Record<number, number>;
  /**
   * Works out wrong checksums anew: captures made on the sending machine often have those that its
   * network card would have written. These are the checksums of IPv4 headers, and of TCP, UDP,
   * UDP-Lite, DCCP, ICMP, ICMPv6, IGMP, OSPFv3, PIM, VRRP, mobility headers and HIP over IP. Where
   * not all bytes that one covers are there (fragments, frames whose end was not captured), it is
   * kept as right as it was. Default false.
   */
  checksums?: boolean;
}

interface AddressRule {
  family: 4 | 6;
  mask: Uint8Array;
  from: Uint8Array;
  to: Uint8Array;
}

const MAC_ADDRESSES = 12;

/** Changes addresses and ports of captured frames in place, and keeps their checksums as right as they were. */
export class Rewriter {
  readonly source: Uint8Array | null = null;
  readonly destination: Uint8Array | null = null;
  readonly #rules: AddressRule[];
  readonly #ports: Map<number, number>;
  readonly #mends: boolean;

  constructor(options: Rewrite = {}) {
    checkKeys('rewrite', options, ['ethernet', 'addresses', 'ports', 'checksums']);
    const { ethernet = {}, addresses = {}, ports = {}, checksums = false } = options;
    checkKeys('rewrite.ethernet', ethernet, ['source', 'destination']);
    if (ethernet.source !== undefined) {
      this.source = parseAddress('rewrite.ethernet.source', 'ethernet', ethernet.source);
    }
    if (ethernet.destination !== undefined) {
      const name = 'rewrite.ethernet.destination';
      this.destination = parseAddress(name, 'ethernet', ethernet.destination);
    }
    this.#mends = checkBoolean('rewrite.checksums', checksums);
    checkObject('rewrite.addresses', addresses);
    this.#rules = Object.entries(addresses).map(([from, to]) => addressRule(from, to));
    checkObject('rewrite.ports', ports);
    this.#ports = new Map(
      Object.entries(ports).map(([from, to]) => [
        checkDecimal('rewrite.ports: from', from, 0xffff),
        checkInteger(`rewrite.ports[${from}]`, to, 0, 0xffff),
      ]),
    );
  }

  /** Whether it is to change IP addresses, or MAC addresses. */
  get changes(): { ip: boolean; ethernet: boolean } {
    const ethernet = this.source !== null || this.destination !== null;
    return { ip: this.#rules.length > 0, ethernet };
  }

  /** Changes a frame in place; `found` is what is in it. */
  apply(frame: Uint8Array, found: Dissection | null, ethernet: boolean): void {
    if (ethernet && frame.length >= MAC_ADDRESSES) {
      if (this.destination) frame.set(this.destination, 0);
      if (this.source) frame.set(this.source, 6);
    }
    if (found === null) return;
    const { ip, family } = found;
    const size = family === 4 ? 4 : 16;
    const first = ip + (family === 4 ? 12 : 8);
    const inHeader = () => sumWords(frame, first, first + 2 * size);
    const carried = transportChecksum(frame, found);
    const before = inHeader();
    const pseudoBefore = carried && pseudoAddresses(frame, found);
    for (const at of [first, first + size]) this.#rewriteAddress(frame, at, family);
    const ports = this.#rewritePorts(frame, found);
    if (family === 4) {
      const checksum = readWord(frame, ip + 10);
      writeWord(frame, ip + 10, shifted(checksum, inHeader() - before));
      if (this.#mends) mendHeader(frame, ip);
    }
    if (carried === null || pseudoBefore === null) return;
    const { at, pseudoLength, zero } = carried;
    const checksum = readWord(frame, at);
    if (zero === 'none' && checksum === 0) return;
    const addresses = pseudoLength === null ? 0 : pseudoAddresses(frame, found) - pseudoBefore;
    const next = shifted(checksum, addresses + ports);
    if (next !== checksum) writeWord(frame, at, written(carried, next));
    if (this.#mends) mend(frame, found, carried);
  }

  #rewriteAddress(frame: Uint8Array, at: number, family: 4 | 6): void {
    const rule = this.#rules.find(
      ({ family: of, mask, from }) =>
        of === family && mask.every((bits, i) => ((frame[at + i] as number) & bits) === from[i]),
    );
    if (rule === undefined) return;
    for (const [i, bits] of rule.mask.entries()) {
      frame[at + i] = (rule.to[i] as number) | ((frame[at + i] as number) & ~bits);
    }
  }

  /** Returns by how much the sum of the words has changed. */
  #rewritePorts(frame: Uint8Array, { transport, end, protocol }: Dissection): number {
    if (this.#ports.size === 0 || transport < 0) return 0;
    if (transport + 4 > Math.min(end, frame.length)) return 0;
    if (protocol !== PROTOCOL.udp && protocol !== PROTOCOL.tcp) return 0;
    let difference = 0;
    for (const at of [transport, transport + 2]) {
      const before = readWord(frame, at);
      const after = this.#ports.get(before) ?? before;
      writeWord(frame, at, after);
      difference += change(before, after);
    }
    return difference;
  }
}

/** The checksum as it is written: where 0 says that there is none, 0xffff stands for it. */
function written({ zero }: TransportChecksum, checksum: number): number {
  return zero === 'a sum' ? checksum : udpChecksum(checksum);
}

/** Works the checksum out anew where that can be done and it is wrong. */
function mend(frame: Uint8Array, found: Dissection, carried: TransportChecksum): void {
  if (!isComplete(frame, found, carried) || isRight(frame, found, carried)) return;
  writeWord(frame, carried.at, 0);
  writeWord(frame, carried.at, written(carried, ~sumOf(frame, found, carried) & 0xffff));
}

/** Works the checksum of an IPv4 header out anew where the header is whole and it is wrong. */
function mendHeader(frame: Uint8Array, ip: number): void {
  const end = ipv4HeaderEnd(frame, ip);
  if (end > frame.length || fold(sumWords(frame, ip, end)) === 0xffff) return;
  writeIpv4Checksum(frame, ip);
}

/** A number in text that is a decimal number and nothing else; `Number` takes more than that. */
function checkDecimal(name: string, text: string, max: number): number {
  if (!/^(0|[1-9]\d*)$/.test(text)) throw outOfRange(name, `a decimal number up to ${max}`, text);
  return checkInteger(name, Number(text), 0, max);
}

function addressRule(from: string, to: unknown): AddressRule {
  const name = `rewrite.addresses['${from}']`;
  if (typeof to !== 'string') throw invalidArgument(name, 'an address', to);
  const [address, prefix] = splitPrefix(from);
  const [target, targetPrefix] = splitPrefix(to);
  const family = isIP(address) === 6 ? 6 : 4;
  const kind = family === 4 ? 'ipv4' : 'ipv6';
  const bits = family === 4 ? 32 : 128;
  const lengthOf = (text: string | null) =>
    text === null ? bits : checkDecimal(`the prefix of ${name}`, text, bits);
  const length = lengthOf(prefix);
  if (lengthOf(targetPrefix) !== length) {
    throw rangeError(
      'ERR_ZEROSEND_OUT_OF_RANGE',
      `${name} must have a prefix of /${length}; received ${to}`,
    );
  }
  const mask = Uint8Array.from({ length: bits / 8 }, (_, i) => {
    const left = Math.min(8, Math.max(0, length - 8 * i));
    return (0xff00 >> left) & 0xff;
  });
  const masked = (bytes: Uint8Array) => bytes.map((byte, i) => byte & (mask[i] as number));
  return {
    family,
    mask,
    from: masked(parseAddress(`rewrite.addresses: '${from}'`, kind, address)),
    to: masked(parseAddress(name, kind, target)),
  };
}

/** What stands before and behind the first slash; null: there is none. */
function splitPrefix(text: string): [string, string | null] {
  const slash = text.indexOf('/');
  return slash < 0 ? [text, null] : [text.slice(0, slash), text.slice(slash + 1)];
}
