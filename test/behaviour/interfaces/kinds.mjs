// @ts-check
// The four kinds of sockets behind one face, so that one suite can ask the same of all of them.
import { BufferPool, PacketSocket, TcpSocket, UdpSocket, XdpSocket } from 'zerosend';

/**
 * @typedef {object} Place
 * @property {string} address of the receiver
 * @property {{ tcp: number, udp: number }} ports
 * @property {string} interface
 * @typedef {'tcp' | 'udp' | 'packet' | 'xdp'} Kind
 * @typedef {{ socket: import('zerosend').ZeroCopySocket, pool: import('zerosend').BufferPool,
 *   length: number, ring: boolean }} Opened
 */

/** An Ethernet frame that nobody listens for: broadcast, a local experimental EtherType. */
export function layFrame(/** @type {Buffer} */ bytes) {
  bytes.fill(0);
  bytes.write('ffffffffffff02000000000188b5', 'hex');
}

/**
 * Opens a socket of the kind with a pool of `count` buffers; sends of `length` bytes suit it.
 *
 * @returns {Promise<Opened>}
 */
export async function open(
  /** @type {Kind} */ kind,
  /** @type {Place} */ place,
  /** @type {number} */ count = 64,
) {
  const { address } = place;
  if (kind === 'packet') {
    const options = { interface: place.interface, frames: count, frameSize: 2016, init: layFrame };
    const socket = await PacketSocket.open(options);
    return { socket, pool: socket.pool, length: 1000, ring: true };
  }
  if (kind === 'xdp') {
    const socket = await XdpSocket.open({
      interface: place.interface,
      frames: count,
      init: layFrame,
    });
    return { socket, pool: socket.pool, length: 1000, ring: true };
  }
  const pool = new BufferPool({ bufferSize: 65_536, count });
  const zeroCopy = 'always';
  const socket =
    kind === 'tcp'
      ? await TcpSocket.connect({ host: address, port: place.ports.tcp, zeroCopy })
      : await UdpSocket.open({
          remote: { address, port: place.ports.udp },
          segmentSize: 1400,
          zeroCopy,
        });
  return { socket, pool, length: 14_000, ring: false };
}

/** Whether the counts of a pool add up. */
export function addsUp(/** @type {import('zerosend').BufferPool} */ pool) {
  const { free, acquired, inFlight, retired, count } = pool.stats();
  return free + acquired + inFlight + retired === count;
}

/** The error that `action` throws, or null. */
export function failureOf(/** @type {() => unknown} */ action) {
  try {
    action();
    return null;
  } catch (error) {
    return /** @type {import('zerosend').CodedError} */ (error);
  }
}

/** The code of what `action` throws, or null. */
export function codeOf(/** @type {() => unknown} */ action) {
  const error = failureOf(action);
  return error && (error.code ?? String(error));
}

/** A buffer of a pool that has one. */
export function take(/** @type {import('zerosend').BufferPool} */ pool) {
  const buffer = pool.tryAcquire();
  if (buffer === null) throw new Error(`the pool is dry: ${JSON.stringify(pool.stats())}`);
  return buffer;
}

/** What an IdChecker finds where each id has completed exactly once. */
export const EXACT = { missing: 0, twice: 0, unknown: 0 };
