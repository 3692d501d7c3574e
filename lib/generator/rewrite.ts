import { isIP } from 'node:net';
import { parseAddress } from './addresses.js';
import { checkInteger, checkKeys, checkObject, invalidArgument, rangeError } from './check.js';
import {
  change,
  fold,
  pseudoHeaderSum,
  readWord,
  sumWords,
  udpChecksum,
  updated,
  writeWord,
} from './checksum.js';
import { type Dissection, PROTOCOL, transportChecksumAt } from './dissect.js';

/** What of captured frames is changed before they are sent. Checksums are kept as right as they were. */
export interface Rewrite {
  /** Also what frames of a capture without Ethernet headers get before them. */
  ethernet?: { source?: string; destination?: string };
  /**
   * From address or prefix to address or prefix, of one family: `{ '10.0.0.1': '198.18.0.1' }`,
   * `{ '10.1.0.0/16': '198.18.0.0/16' }` (the host part stays). The first that fits is taken.
   */
  addresses?: Record<string, string>;
  /** UDP and TCP ports, from port to port. */
  ports?: Record<number, number>;
  /**
   * Works out all checksums of IPv4, UDP and TCP anew: captures made on the sending machine often
   * have those that its network card would have written. Default false.
   */
  checksums?: boolean;
}

interface AddressRule {
  family: 4 | 6;
  mask: Uint8Array;
  from: Uint8Array;
  to: Uint8Array;
}

/** Changes frames. */
export class Rewriter {
  readonly source: Uint8Array | null = null;
  readonly destination: Uint8Array | null = null;
  readonly #rules: AddressRule[];
  readonly #ports: Map<number, number>;
  readonly #anew: boolean;

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
    if (typeof checksums !== 'boolean') {
      throw invalidArgument('rewrite.checksums', 'a boolean', checksums);
    }
    this.#anew = checksums;
    checkObject('rewrite.addresses', addresses);
    this.#rules = Object.entries(addresses).map(([from, to]) => addressRule(from, to));
    checkObject('rewrite.ports', ports);
    this.#ports = new Map(
      Object.entries(ports).map(([from, to]) => [
        checkInteger('rewrite.ports: from', Number(from), 0, 0xffff),
        checkInteger(`rewrite.ports[${from}]`, to, 0, 0xffff),
      ]),
    );
  }

  /** Changes a frame in place; `found` is what is in it. */
  apply(frame: Uint8Array, found: Dissection | null, ethernet: boolean): void {
    if (ethernet && this.destination) frame.set(this.destination, 0);
    if (ethernet && this.source) frame.set(this.source, 6);
    if (found === null) return;
    const size = found.family === 4 ? 4 : 16;
    const first = found.ip + (found.family === 4 ? 12 : 8);
    const before = sumWords(frame, first, first + 2 * size);
    for (const at of [first, first + size]) this.#rewriteAddress(frame, at, found.family);
    const words = size; // of both addresses
    const difference = sumWords(frame, first, first + 2 * size) - before + words * 0xffff;
    const ports = this.#rewritePorts(frame, found);
    if (this.#anew) {
      recompute(frame, found);
      return;
    }
    if (found.family === 4) {
      writeWord(frame, found.ip + 10, updated(readWord(frame, found.ip + 10), fold(difference)));
    }
    const at = transportChecksumAt(frame, found);
    if (at < 0) return;
    const checksum = readWord(frame, at);
    const udp = found.protocol === PROTOCOL.udp;
    if (udp && checksum === 0) return; // it has none
    const next = updated(checksum, fold(difference + ports));
    writeWord(frame, at, udp ? udpChecksum(next) : next);
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

  /** Returns the change of the sum. */
  #rewritePorts(frame: Uint8Array, { transport, protocol }: Dissection): number {
    if (this.#ports.size === 0 || transport < 0 || transport + 4 > frame.length) return 0;
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

function addressRule(from: string, to: unknown): AddressRule {
  const name = `rewrite.addresses['${from}']`;
  if (typeof to !== 'string') throw invalidArgument(name, 'an address', to);
  const [address = '', prefix] = from.split('/');
  const [target = '', targetPrefix] = to.split('/');
  const family = isIP(address) === 6 ? 6 : 4;
  const kind = family === 4 ? 'ipv4' : 'ipv6';
  const bits = family === 4 ? 32 : 128;
  const length = prefix === undefined ? bits : Number(prefix);
  checkInteger(`the prefix of ${name}`, prefix === '' ? Number.NaN : length, 0, bits);
  if ((targetPrefix === undefined ? bits : Number(targetPrefix)) !== length) {
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

/** All checksums of a whole packet; a fragment's transport checksum is over bytes of other frames. */
function recompute(frame: Uint8Array, found: Dissection): void {
  if (found.family === 4) {
    const end = found.ip + ((frame[found.ip] as number) & 0xf) * 4;
    if (end > frame.length) return;
    writeWord(frame, found.ip + 10, 0);
    writeWord(frame, found.ip + 10, ~fold(sumWords(frame, found.ip, end)) & 0xffff);
  }
  const at = transportChecksumAt(frame, found);
  const udp = found.protocol === PROTOCOL.udp;
  if (at < 0 || found.fragment || found.end > frame.length) return;
  if (!udp && found.protocol !== PROTOCOL.tcp) return;
  if (udp && readWord(frame, at) === 0) return;
  const length = found.end - found.transport;
  const pseudo = pseudoHeaderSum(frame, found.ip, found.family, udp, length);
  writeWord(frame, at, 0);
  const checksum = ~fold(sumWords(frame, found.transport, found.end, pseudo)) & 0xffff;
  writeWord(frame, at, udp ? udpChecksum(checksum) : checksum);
}
