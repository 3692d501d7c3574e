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
function layFrame(/** @type {Buffer} */ bytes) {
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

/** Marks ids as they complete; `missing` and `twice` are what is wrong at the end. */
export class Ledger {
  #times = new Map();
  /** @type {Record<string, number>} */
  how = {};

  constructor(/** @type {import('zerosend').ZeroCopySocket} */ socket) {
    this.socket = socket;
    socket.on('complete', ({ first, last, how }) => {
      this.how[how] = (this.how[how] ?? 0) + (last - first + 1);
      for (let id = first; id <= last; id++) this.#times.set(id, (this.#times.get(id) ?? 0) + 1);
    });
  }

  result() {
    const { nextId } = this.socket;
    let missing = 0;
    let twice = 0;
    for (let id = 0; id < nextId; id++) if (!this.#times.has(id)) missing++;
    for (const times of this.#times.values()) if (times > 1) twice++;
    return {
      ids: nextId,
      missing,
      twice,
      unknown: this.#times.size - (nextId - missing),
      how: this.how,
    };
  }
}

/** Whether the counts of a pool add up. */
export function addsUp(/** @type {import('zerosend').BufferPool} */ pool) {
  const { free, acquired, inFlight, retired, count } = pool.stats();
  return free + acquired + inFlight + retired === count;
}

/** The code of what `action` throws, or null. */
export function codeOf(/** @type {() => unknown} */ action) {
  try {
    action();
    return null;
  } catch (error) {
    return /** @type {{ code?: string }} */ (error).code ?? String(error);
  }
}
