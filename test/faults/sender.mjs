// @ts-check
// A socket with a pool, its books and the content that the receiver checks.
import { readdirSync, readlinkSync } from 'node:fs';
import { announceSeed, fillDatagram, fillStream } from '../../rig/pattern.mjs';
import { Books } from './books.mjs';
import { BufferPool, clearFaults, TcpSocket, UdpSocket } from './zerosend.mjs';

/** @typedef {import('../../rig/index.mjs').Receiver} Receiver */
/** @typedef {import('../../rig/index.mjs').ReceiverReport} ReceiverReport */
/** @typedef {import('zerosend').PooledBuffer} PooledBuffer */
/** @typedef {import('zerosend').BufferPool} Pool */
/** @typedef {import('zerosend').TcpSocket} Tcp */
/** @typedef {import('zerosend').UdpSocket} Udp */
/** @typedef {import('zerosend').TcpOptions} TcpOptions */
/** @typedef {import('zerosend').UdpOptions} UdpOptions */

let nextSeed = 1;

/**
 * Where to send. A receiver that another process has started cannot be asked what has arrived.
 * @typedef {Receiver | { host: string, port: number }} Peer
 */

/** @param {Peer} peer */
function hostOf(peer) {
  return 'host' in peer ? peer.host : peer.family === 4 ? '127.0.0.1' : '::1';
}

/** Descriptors of this process of the kinds that the library makes: sockets, epoll, eventfd and timers. */
export function openDescriptors() {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return /^(socket|anon_inode:\[(event|timerfd))/.test(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      return false; // the one that read the folder
    }
  }).length;
}

/** @param {number} ms @returns {Promise<void>} */
export const pause = (ms) => new Promise((resolve) => void setTimeout(resolve, ms));

/** Whether a condition has come true in time; looks every two milliseconds. @param {() => unknown} condition */
export async function until(condition) {
  const end = performance.now() + 10_000;
  while (!condition() && performance.now() < end) await pause(2);
  return Boolean(condition());
}

/** @template T @param {Promise<T>} promise @param {string} what @param {number} [ms] @returns {Promise<T>} */
export function within(promise, what, ms = 8000) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

export class Sender {
  /** Bytes of the stream, or datagrams, that were accepted. */
  position = 0;
  seed = nextSeed++;

  /**
   * @param {'tcp' | 'udp'} protocol @param {Tcp | Udp} socket @param {Pool} pool
   * @param {Peer} receiver
   */
  constructor(protocol, socket, pool, receiver) {
    this.protocol = protocol;
    this.socket = socket;
    this.pool = pool;
    this.receiver = receiver;
    this.books = new Books(socket);
  }

  /**
   * @param {Peer} receiver of TCP with the seed 'any'
   * @param {Partial<TcpOptions>} [options] @param {Pool} [pool]
   */
  static async tcp(receiver, options = {}, pool = smallPool()) {
    const { port } = receiver;
    const where = { host: hostOf(receiver), port, zeroCopy: /** @type {const} */ ('always') };
    return new Sender('tcp', await TcpSocket.connect({ ...where, ...options }), pool, receiver);
  }

  /** @param {Peer} receiver @param {UdpOptions} [options] @param {Pool} [pool] */
  static async udp(receiver, options = {}, pool = smallPool()) {
    const remote = { address: hostOf(receiver), port: receiver.port };
    const where = { remote, zeroCopy: /** @type {const} */ ('always') };
    return new Sender('udp', await UdpSocket.open({ ...where, ...options }), pool, receiver);
  }

  /**
   * @param {'tcp' | 'udp'} protocol @param {Peer} receiver @param {Partial<TcpOptions>} [options]
   * @param {Pool} [pool]
   */
  static open(protocol, receiver, options, pool) {
    return protocol === 'tcp'
      ? Sender.tcp(receiver, options, pool)
      : Sender.udp(receiver, options, pool);
  }

  /** Lays the next piece of the content into `bytes`. @param {Uint8Array} bytes @param {number} length */
  fill(bytes, length, ahead = 0) {
    if (this.protocol === 'udp') {
      fillDatagram(bytes, this.position + ahead, this.seed, length);
    } else {
      fillStream(bytes, this.position + ahead, this.seed, length);
      if (this.position + ahead === 0) announceSeed(bytes, this.seed);
    }
  }

  /** @param {number} length */
  #advance(length) {
    this.position += this.protocol === 'udp' ? 1 : length;
  }

  /** A buffer, of which there has to be one. @returns {PooledBuffer} */
  acquire() {
    const buffer = this.pool.tryAcquire();
    if (buffer === null) throw new Error(`the pool is dry: ${JSON.stringify(this.pool.stats())}`);
    return buffer;
  }

  /**
   * Sends the next piece of the content. A send that is refused leaves its buffer and the place in
   * the content, so the next one sends the same again.
   * @param {number} [length] @returns {string} 'accepted', or the code of the error
   */
  send(length = 1000, buffer = this.acquire()) {
    this.fill(buffer.bytes, length);
    const { refused } = this.books;
    const result = this.books.trySend(buffer, length);
    if (result === 'accepted') this.#advance(length);
    else if (this.books.refused === refused) buffer.release(); // else it is back
    return result;
  }

  /** The same from memory of its own. @param {number} [length] */
  sendPlain(length = 1000, bytes = new Uint8Array(length)) {
    this.fill(bytes, length);
    const result = this.books.trySend(bytes, length);
    if (result === 'accepted') this.#advance(length);
    return result;
  }

  /**
   * Sends the next piece of the content as one send out of parts, of a pool and plain ones in turn, each
   * from another offset on.
   * @param {number[]} lengths @returns {string} 'accepted', or the code of the error
   */
  sendParts(lengths) {
    const total = lengths.reduce((sum, length) => sum + length, 0);
    const bytes = new Uint8Array(total);
    this.fill(bytes, total);
    let at = 0;
    const parts = lengths.map((length, i) => {
      const buffer = i % 2 === 0 ? this.acquire() : new Uint8Array(length + 8);
      const offset = i % 8;
      const memory = 'pool' in buffer ? buffer.bytes : buffer;
      memory.set(bytes.subarray(at, at + length), offset);
      at += length;
      return { buffer, offset, length };
    });
    try {
      const code = this.books.refusal(this.books.sendParts(parts), total);
      if (code !== undefined) return code;
    } catch (error) {
      for (const { buffer } of parts) if ('pool' in buffer) buffer.release();
      return /** @type {import('zerosend').CodedError} */ (error).code;
    }
    this.#advance(total);
    return 'accepted';
  }

  /** @param {number[]} lengths @returns {string} 'accepted', or the code of the error */
  sendMany(lengths) {
    const buffers = lengths.map(() => this.acquire());
    let ahead = 0;
    for (const [i, buffer] of buffers.entries()) {
      const length = /** @type {number} */ (lengths[i]);
      this.fill(buffer.bytes, length, ahead);
      ahead += this.protocol === 'udp' ? 1 : length;
    }
    try {
      this.books.sendMany(buffers, lengths);
    } catch (error) {
      for (const buffer of buffers) buffer.release();
      return /** @type {import('zerosend').CodedError} */ (error).code;
    }
    this.position += ahead;
    return 'accepted';
  }

  /** Resolves when all ids so far have completed. */
  flushed() {
    return within(this.socket.flush(), `ids to complete: ${this.socket.inFlight} are in flight`);
  }

  /**
   * Closes, without faults from now on, and audits the books; also what the receiver has got, where
   * it can be asked, which has to be everything unless the socket was given up.
   * @param {{ timeout?: number, missing?: number }} [options] `missing`: accepted datagrams, or
   *   bytes, that did not reach the kernel
   */
  async finish({ timeout = 5000, missing = 0 } = {}) {
    clearFaults();
    const closed = await within(this.socket.close({ timeout }), 'close', timeout + 1000);
    const report = this.books.withoutRefused(closed);
    const problems = this.books.audit([this.pool]);
    if (this.books.report === undefined) problems.push('no event close');
    if (this.socket.fd !== -1) problems.push(`fd ${this.socket.fd} after close`);
    if (!('report' in this.receiver)) return { problems, report };
    const expected = this.position - missing;
    const whole = report.outcome === 'drained' || missing > 0;
    const { receiver, protocol, seed } = this;
    const { wrong, got } = await arrived(receiver, protocol, seed, whole ? expected : 0);
    if (wrong > 0) problems.push(`${wrong} wrong`);
    if (whole ? got !== expected : got > expected) {
      problems.push(`${got} arrived, expected ${expected}`);
    }
    return { problems, report };
  }
}

/**
 * What the receiver has got of a sender: bytes, or datagrams. Waits for a number of them.
 * @param {Receiver} receiver @param {'tcp' | 'udp'} protocol @param {number} seed
 * @param {number} atLeast
 */
export async function arrived(receiver, protocol, seed, atLeast) {
  if (protocol === 'udp') {
    const report = await receiver.until(
      ({ unique, wrongBytes }) => unique >= atLeast || wrongBytes > 0,
    );
    const { wrongBytes, corrupt, duplicates, late, short } = report;
    return { got: report.unique, wrong: wrongBytes + corrupt + duplicates + late + short };
  }
  const end = performance.now() + 5000;
  for (;;) {
    const { connections = [] } = await receiver.report({ connections: true });
    const mine = connections.find((connection) => connection.seed === seed);
    const got = mine?.bytes ?? 0;
    const wrong = mine?.wrongBytes ?? 0;
    if (got >= atLeast || wrong > 0 || performance.now() > end) return { got, wrong };
    await pause(2);
  }
}

/** @param {import('zerosend').BufferPoolOptions} [options] */
export function smallPool(options = {}) {
  return new BufferPool({ bufferSize: 65_536, count: 64, hugePages: 'none', ...options });
}
