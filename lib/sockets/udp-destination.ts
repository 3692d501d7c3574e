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
 * The address that the first destination of the mailbox has now; null where it is not known. All
 * sockets of the thread share that destination, so whatever writes it has to set this.
 */
let first: SocketAddress | null = null;

/**
 * Whether `new UdpDestination` has made the object. A Proxy, or an object of the same shape, is
 * refused.
 */
export let isDestination: (value: unknown) => value is UdpDestination;

/** The address in the form that the kernel reads. */
let wordsOf: (destination: UdpDestination) => Uint32Array;

/**
 * A destination of datagrams that is parsed once, for {@link UdpSocket.sendMany} and {@link
 * UdpSocket.sendTo} of any socket of its family in the same thread. It never changes, and holds no
 * resource of the system. The zone of an IPv6 address (`fe80::1%eth0`) is looked up when the object
 * is made: once that interface is gone, sends fail with `ENODEV`, `ENETUNREACH` or `EINVAL`.
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
  /** 4 or 6. Only sockets of this family can send to it. */
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
   * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`, RangeError `ERR_ZEROSEND_OUT_OF_RANGE`,
   * RangeError `ERR_ZEROSEND_INVALID_ADDRESS` for a host name, or a zone that is no interface
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
    if (!native.setDestination(address, port)) throw noZone(address);
    this.#words = readDestination();
    this.address = address;
    this.port = port;
    Object.freeze(this);
  }
}

/**
 * Writes an address that a user has given into the mailbox, for the next send with
 * FLAG_DESTINATION. Returns the checked address.
 * @param last what the last call for this socket has returned; most sends go to the same address
 * again
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
  first = null; // after a refused address, the mailbox has no valid destination
  if (!isNumeric(to.address, family)) throw notNumeric('to.address', to.address, family);
  if (!native.setDestination(to.address, to.port)) throw noZone(to.address);
  // By the time of the next send, the name in a zone may belong to another interface, with another
  // index. So a zone is looked up for each send.
  if (!to.address.includes('%')) first = to;
  return to;
}

/** The destinations of a `sendMany`: one for all datagrams, or one for each. */
export class UdpAim implements Aim {
  readonly #given: unknown;
  readonly #family: Family;
  #destinations: readonly UdpDestination[] = [];

  /** @param given what the caller has given for destinations */
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
