import { FLAG_DESTINATION, FLAG_EACH, native } from '../addon/addon.js';
import type { Endpoint } from '../addon/contract.js';
import { readDestination, writeDestination } from '../addon/mailbox.js';
import { invalidArgument, rangeError } from '../base/errors.js';
import { showAs } from '../base/inspection.js';
import { checkObject, propertyOf } from '../base/validate.js';
import { readEach } from '../buffers/given-arrays.js';
import type { Aim } from '../engine/aim.js';
import { nameIndex } from '../engine/refusals.js';
import {
  checkAddress,
  checkParts,
  type Family,
  familyOf,
  isNumeric,
  notNumeric,
  noZone,
  type SocketAddress,
} from './address.js';

/**
 * Whose the first destination of the mailbox is, which all sockets of the thread share; null: nobody's.
 * Whoever writes it says so.
 */
let first: SocketAddress | null = null;

/** Whether it was made by `new UdpDestination`: not a Proxy, nor an object of the same shape. */
export let isDestination: (value: unknown) => value is UdpDestination;

/** The address as the kernel reads it. */
let wordsOf: (destination: UdpDestination) => Uint32Array;

/**
 * Where datagrams go, parsed once: for {@link UdpSocket.sendMany} and {@link UdpSocket.sendTo}, of any
 * socket of its family in the thread that has made it. It never changes, and holds nothing but its
 * memory. The zone of an IPv6 address (`fe80::1%eth0`) is looked up when it is made, and stays with that
 * interface: once that is gone, sends fail with `ENODEV`, `ENETUNREACH` or `EINVAL`.
 * @example
 * ```js
 * import { BufferPool, UdpDestination, UdpSocket } from 'zerosend';
 *
 * const viewers = [9, 10, 11].map((port) => new UdpDestination({ address: '198.18.0.9', port }));
 * const pool = new BufferPool({ bufferSize: 2048, count: 64 });
 * const socket = await UdpSocket.open();
 * const run = await pool.acquireRun(viewers.length);
 * for (let i = 0; i < run.count; i++) run.bytes(i).write(`for viewer ${i}`);
 * // One system call, a datagram for each.
 * const { first, last } = socket.sendMany(run, 12, viewers.slice(0, run.count));
 * console.log(`ids ${first} to ${last}`);
 * await socket.close();
 * await pool.close();
 * ```
 */
export class UdpDestination implements SocketAddress {
  /** The numeric IP address, as given. */
  readonly address: string;
  /** 1 to 65535 */
  readonly port: number;
  /** 4 or 6: that of the sockets that send there. */
  readonly family: 4 | 6;
  // In the declarations, keeps objects of the same shape from passing for a destination.
  readonly #words: Uint32Array;

  static {
    isDestination = (value): value is UdpDestination =>
      typeof value === 'object' && value !== null && #words in value;
    wordsOf = (destination) => destination.#words;
    showAs(UdpDestination, ({ address, port, family }) => ({ address, port, family }));
  }

  /**
   * @param to a numeric IPv4 or IPv6 address, and a port from 1 to 65535
   * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`, RangeError `ERR_ZEROSEND_OUT_OF_RANGE`, RangeError
   * `ERR_ZEROSEND_INVALID_ADDRESS` for a name, or a zone that is no interface
   */
  constructor(to: SocketAddress) {
    const { address, port } = checkAddress('to', to, 1);
    this.family = familyOf(address);
    if (!isNumeric(address, this.family)) {
      throw rangeError(
        'ERR_ZEROSEND_INVALID_ADDRESS',
        `to.address must be a numeric IP address; received '${address}'`,
      );
    }
    first = null;
    if (!native.setDestination(address, port)) throw noZone('to.address', address);
    this.#words = readDestination();
    this.address = address;
    this.port = port;
    Object.freeze(this);
  }
}

/**
 * Has the next send with FLAG_DESTINATION go to an address that a user has given. Returns it as it was
 * checked.
 * @param last what was returned for the send before, to the same address as a rule
 * @throws as {@link UdpSocket.sendTo}, of the address
 */
export function aimAt(to: SocketAddress, last: SocketAddress, family: Family): SocketAddress {
  if (isDestination(to)) return aimAtDestination(checkDestination('to', to, family));
  checkObject('to', to);
  const address = propertyOf(to, 'address');
  const port = propertyOf(to, 'port');
  if (address === last.address && port === last.port && first === last) return last;
  return aimAtAddress(address, port, family);
}

function aimAtDestination(to: UdpDestination): UdpDestination {
  if (first !== to) writeDestination(0, wordsOf(to));
  first = to;
  return to;
}

function aimAtAddress(givenAddress: unknown, givenPort: unknown, family: Family): SocketAddress {
  const to = checkParts('to', givenAddress, givenPort, 1);
  first = null; // a refused address leaves the addon with none
  if (!isNumeric(to.address, family)) throw notNumeric('to.address', to.address, family);
  if (!native.setDestination(to.address, to.port)) throw noZone('to.address', to.address);
  // A zone names an interface, and another one by the time of the next send: made again, it has
  // another index. So it is looked up for each.
  if (!to.address.includes('%')) first = to;
  return to;
}

/** Where the datagrams of a `sendMany` go: all of them to one destination, or each to its own. */
export class UdpAim implements Aim {
  readonly #given: unknown;
  readonly #family: Family;
  #destinations: readonly UdpDestination[] = [];

  /** @param given as the caller has given it, to a socket of this family */
  constructor(given: unknown, family: Family) {
    this.#given = given;
    this.#family = family;
  }

  read(count: number): void {
    const given = this.#given;
    if (!Array.isArray(given)) {
      this.#destinations = [checkDestination('to', given, this.#family)];
      return;
    }
    const each = readEach('to', `a UdpDestination, or an array of ${count}`, given, count);
    for (const [i, one] of each.entries()) {
      try {
        checkDestination(`to[${i}]`, one, this.#family);
      } catch (error) {
        nameIndex(error, i);
        throw error;
      }
    }
    this.#destinations = each as UdpDestination[];
  }

  write(): number {
    const destinations = this.#destinations;
    if (!Array.isArray(this.#given)) {
      aimAtDestination(destinations[0] as UdpDestination);
      return FLAG_DESTINATION;
    }
    first = null;
    for (let i = 0; i < destinations.length; i++) {
      writeDestination(i, wordsOf(destinations[i] as UdpDestination));
    }
    return FLAG_EACH;
  }

  at(i: number): Endpoint | undefined {
    const to = this.#destinations[Array.isArray(this.#given) ? i : 0];
    return to && { address: to.address, port: to.port };
  }
}

/** @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`, RangeError `ERR_ZEROSEND_INVALID_ADDRESS` */
function checkDestination(name: string, value: unknown, family: Family): UdpDestination {
  if (!isDestination(value)) throw invalidArgument(name, 'a UdpDestination', value);
  if (value.family !== family) throw notNumeric(`${name}.address`, value.address, family);
  return value;
}
