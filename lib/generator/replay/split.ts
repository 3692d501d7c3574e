import { invalidArgument } from '../../base/errors.js';
import { checkInteger } from '../../base/validate.js';
import { checkKeys } from '../base/validate.js';
import type { CapturedFrame } from '../captures/captured-frame.js';
import { LINKTYPE_ETHERNET } from '../packets/dissect.js';
import { spanOf } from './address-map.js';
import { type Ends, EndsFinder } from './ends.js';

/** Who sent a frame: 0 a client, 1 a server. */
export type Side = 0 | 1;

/**
 * How frames are told apart: `'first-seen'`: who sends the first packet of a flow is its client (unless it
 * answers a SYN); `'ports'`: the lower port is the server's; or by ports or addresses (prefixes, ranges) of
 * servers. What tells nothing is taken as `'first-seen'`; what is not IP, by what its MAC addresses sent.
 */
export type Split =
  | 'first-seen'
  | 'ports'
  | {
      /** Ports of servers. */
      ports: readonly number[];
    }
  | {
      /** Addresses of servers, such as `'10.0.0.0/24'`. */
      addresses: readonly string[];
    };

/** How many flows are remembered; the one that began first is forgotten first. */
const MOST_FLOWS = 2 ** 18;

/** Tells by a rule who sent each frame. */
export class Splitter {
  readonly #ends = new EndsFinder();
  readonly #rule: (ends: Ends) => Side | null;
  /** for each flow, by its ends in order: whether the first of them is the client */
  readonly #flows = new Map<string, boolean>();

  /** where frames of each MAC address came from, for those that are not IP */
  readonly #hosts = new Map<string, Side>();

  /** @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; RangeError `…_OUT_OF_RANGE`, `…_INVALID_ADDRESS` */
  constructor(split: Split = 'first-seen') {
    this.#rule = ruleOf(split);
  }

  sideOf(frame: CapturedFrame): Side {
    const { bytes, linkType } = frame;
    const ethernet = linkType === LINKTYPE_ETHERNET && bytes.length >= 12;
    const mac = (at: number) => Buffer.from(bytes.buffer, bytes.byteOffset + at, 6).toString('hex');
    const ends = this.#ends.of(frame);
    let side: Side;
    if (ends !== null) side = this.#rule(ends) ?? this.#firstSeen(ends);
    else if (ethernet) side = this.#hosts.get(mac(6)) ?? other(this.#hosts.get(mac(0))) ?? 0;
    else return 0;
    if (ethernet && this.#hosts.size < MOST_FLOWS) this.#hosts.set(mac(6), side);
    return side;
  }

  #firstSeen(ends: Ends): Side {
    const from = `${ends.source} ${ends.sourcePort}`;
    const to = `${ends.destination} ${ends.destinationPort}`;
    const forward = from < to;
    const key = forward ? `${from} ${to}` : `${to} ${from}`;
    let firstIsClient = this.#flows.get(key);
    if (firstIsClient === undefined) {
      firstIsClient = forward !== ends.answersSyn;
      if (this.#flows.size >= MOST_FLOWS) {
        this.#flows.delete(this.#flows.keys().next().value as string);
      }
      this.#flows.set(key, firstIsClient);
    }
    return forward === firstIsClient ? 0 : 1;
  }
}

function other(side: Side | undefined): Side | undefined {
  return side === undefined ? undefined : side === 0 ? 1 : 0;
}

function ruleOf(split: Split): (ends: Ends) => Side | null {
  if (split === 'first-seen') return () => null;
  if (split === 'ports') {
    return ({ sourcePort, destinationPort }) => {
      if (sourcePort === destinationPort) return null;
      return sourcePort < destinationPort ? 1 : 0;
    };
  }
  checkKeys('options.server.split', split, ['ports', 'addresses']);
  const { ports, addresses } = split as { ports?: unknown; addresses?: unknown };
  if (Array.isArray(ports) && addresses === undefined) {
    for (const port of ports) checkInteger('options.server.split.ports', port, 0, 0xffff);
    return ({ sourcePort, destinationPort }) =>
      told(ports.includes(sourcePort), ports.includes(destinationPort));
  }
  if (!Array.isArray(addresses) || ports !== undefined) {
    const wanted = "'first-seen', 'ports', or an object with ports or with addresses";
    throw invalidArgument('options.server.split', wanted, split);
  }
  const spans = addresses.map((text) => spanOf('options.server.split.addresses', text));
  const isServer = (address: string, family: 4 | 6) => {
    const number = BigInt(`0x${Buffer.from(address, 'latin1').toString('hex')}`);
    return spans.some(
      (span) => span.family === family && number >= span.first && number < span.first + span.size,
    );
  };
  return ({ source, destination, family }) =>
    told(isServer(source, family), isServer(destination, family));
}

/** One of both has to be a server, and the other not. */
function told(source: boolean, destination: boolean): Side | null {
  if (source === destination) return null;
  return source ? 1 : 0;
}
