// @ts-check
// Keeps the books of one socket: what was accepted, what completed, what the library says of both.
import { IdHistory } from '../../rig/ids.mjs';
import { byThread, handedOver } from './handed-over.mjs';

/** @typedef {import('zerosend').ZeroCopySocket} ZeroCopySocket */
/** @typedef {import('zerosend').BufferPool} BufferPool */
/** @typedef {import('zerosend').PooledBuffer} PooledBuffer */
/** @typedef {import('zerosend').CodedError} CodedError */
/** @typedef {import('zerosend').CompletionRange['how']} How */

/** Which counter of stats() counts a way of completing. */
const COUNTERS = /** @type {const} */ ({
  zerocopy: 'zerocopy',
  copied: 'copied',
  inline: 'inlined',
  revoked: 'revoked',
  failed: 'failed',
});

/** What an inline send throws for errors of the kernel, whose codes ranges carry. @type {Record<string, string>} */
const UDP_CODES = {
  EMSGSIZE: 'ERR_ZEROSEND_DATAGRAM_TOO_LONG',
  ENOBUFS: 'ERR_ZEROSEND_SEND_BUFFER_TOO_SMALL',
  EAGAIN: 'ERR_ZEROSEND_SEND_BUFFER_TOO_SMALL',
  ENOMEM: 'ERR_ZEROSEND_SEND_BUFFER_TOO_SMALL',
};

export class Books {
  /** What has gone wrong; empty for as long as the books balance. @type {string[]} */
  problems = [];
  /** Ids that send and sendMany have returned, but for those that were refused. */
  accepted = 0;
  /** Ids that have failed by the time that a send returns: inline it would have thrown, and taken none. */
  refused = 0;
  bytesRefused = 0;
  /** Of ids that have failed. @type {Map<number, string>} */
  #codes = new Map();
  bytes = 0;
  ids;
  /** @type {CodedError[]} */
  errors = [];
  drains = 0;
  /** @type {import('zerosend').CloseReport | undefined} */
  report;
  /** @type {ZeroCopySocket} */
  #socket;
  /** @type {Promise<void>} */
  #closed;
  #udp;

  /** @param {ZeroCopySocket} socket from which nothing has been sent yet */
  constructor(socket) {
    this.#socket = socket;
    this.#udp = 'sendTo' in socket;
    this.ids = new IdHistory(socket);
    socket.on('complete', (range) => this.#complete(range));
    socket.on('drain', () => {
      this.drains++;
    });
    socket.on('error', (error) => {
      if (this.report !== undefined) this.problems.push(`error ${error.message} after close`);
      this.errors.push(/** @type {CodedError} */ (error));
    });
    this.#closed = new Promise((resolve) => {
      socket.on('close', (report) => {
        if (this.report !== undefined) this.problems.push('closed twice');
        this.report = report;
        resolve();
      });
    });
  }

  /** Resolves at the event `close`. */
  get closed() {
    return this.#closed;
  }

  /** @param {import('zerosend').CompletionRange} range */
  #complete(range) {
    const { first, last } = range;
    this.ids.complete(range);
    for (let id = first; byThread && range.how === 'failed' && id <= last; id++) {
      this.#codes.set(id, range.code ?? '');
    }
    if (this.report !== undefined) this.problems.push(`${first}..${last} after close`);
    if (this.errors.length > 0) this.problems.push(`${first}..${last} after the error`);
  }

  /**
   * @param {PooledBuffer | Uint8Array} buffer @param {number} length
   * @param {{ address: string, port: number }} [to] of a UdpSocket
   */
  send(buffer, length, to) {
    const socket = /** @type {import('zerosend').UdpSocket} */ (this.#socket);
    return this.#checked([buffer], [length], 1, () =>
      to ? socket.sendTo(buffer, length, to) : socket.send(buffer, length),
    );
  }

  /**
   * One send out of slices, each of a buffer of its own.
   * @param {{ buffer: PooledBuffer | Uint8Array, offset: number, length: number }[]} parts
   * @param {{ address: string, port: number }} [to] of a UdpSocket
   */
  sendParts(parts, to) {
    const socket = /** @type {import('zerosend').UdpSocket} */ (this.#socket);
    const buffers = parts.map(({ buffer }) => buffer);
    const lengths = parts.map(({ length }) => length);
    return this.#checked(buffers, lengths, 1, () =>
      to ? socket.sendTo(parts, undefined, to) : socket.send(parts),
    );
  }

  /** @param {PooledBuffer[]} buffers @param {number[]} lengths */
  sendMany(buffers, lengths) {
    const send = () => this.#socket.sendMany(buffers, lengths);
    return this.#checked(buffers, lengths, buffers.length, send);
  }

  /**
   * One packet out of several buffers of an XdpSocket.
   * @param {PooledBuffer[]} buffers @param {number[]} lengths
   */
  sendPacket(buffers, lengths) {
    const socket = /** @type {import('zerosend').XdpSocket} */ (this.#socket);
    return this.#checked(buffers, lengths, 1, () => socket.sendPacket(buffers, lengths));
  }

  /**
   * Sends, and checks the ids. Where that throws, checks that it took no id and no buffer, and throws on.
   * @template {number | { first: number, last: number }} T
   * @param {(PooledBuffer | Uint8Array)[]} buffers @param {number[]} lengths
   * @param {number} ids that it takes @param {() => T} send
   */
  #checked(buffers, lengths, ids, send) {
    const { nextId } = this.#socket;
    const held = heldIn(buffers);
    /** @type {T} */
    let taken;
    try {
      taken = send();
    } catch (error) {
      this.#expectUntouched(nextId, held - heldIn(buffers), error);
      throw error;
    }
    const { first, last } = typeof taken === 'number' ? { first: taken, last: taken } : taken;
    if (first !== nextId || last !== nextId + ids - 1) {
      this.problems.push(`ids ${first}..${last} for ${ids} from ${nextId}`);
    }
    this.accepted += ids;
    for (const length of lengths) this.bytes += length;
    if (this.ids.sent !== this.accepted + this.refused) {
      this.problems.push(`next id ${this.#socket.nextId} after ${this.accepted} sends`);
    }
    if (byThread) handedOver(this.#socket);
    return taken;
  }

  /**
   * The code of the error that a send throws, or the number of ids that it took.
   * @param {PooledBuffer | Uint8Array} buffer @param {number} length
   * @param {{ address: string, port: number }} [to]
   * @returns {string | 'accepted'}
   */
  trySend(buffer, length, to) {
    try {
      return this.refusal(this.send(buffer, length, to), length) ?? 'accepted';
    } catch (error) {
      return /** @type {CodedError} */ (error).code;
    }
  }

  /**
   * By the thread: the code of a send that has failed at once, which counts as refused from then on.
   * @param {number} id @param {number} length
   */
  refusal(id, length) {
    const code = this.#codes.get(id);
    if (code === undefined || this.#socket.stats().unsentBytes < this.bytesRefused + length) {
      return undefined; // or it had been taken in part, and inline it would fail as well
    }
    this.bytesRefused += length;
    this.refused++;
    this.accepted--;
    const { how } = this.ids;
    how.failed = (how.failed ?? 0) - 1;
    if (how.failed === 0) delete how.failed;
    return (this.#udp ? UDP_CODES[code] : undefined) ?? code;
  }

  /** What the report would be inline. @param {import('zerosend').CloseReport} report */
  withoutRefused(report) {
    const { refused } = this;
    if (refused === 0) return report;
    const unfinished = report.unfinished - refused;
    const whole = unfinished === 0 && this.errors.length === 0;
    const outcome = whole ? /** @type {const} */ ('drained') : report.outcome;
    return { ...report, ids: report.ids - refused, unfinished, outcome };
  }

  /** @param {number} nextId @param {number} taken @param {unknown} error */
  #expectUntouched(nextId, taken, error) {
    const { code } = /** @type {CodedError} */ (error);
    if (typeof code !== 'string') this.problems.push(`thrown without a code: ${error}`);
    if (this.#socket.nextId !== nextId) this.problems.push(`a send that threw ${code} took an id`);
    if (taken !== 0) this.problems.push(`a send that threw ${code} took a buffer`);
  }

  /**
   * Everything that does not balance, now that every accepted send should have completed.
   * @param {readonly BufferPool[]} [pools] all whose buffers were sent, of which none is held
   */
  audit(pools = []) {
    const problems = [...this.problems, ...this.ids.problems()];
    /** @param {string} what @param {unknown} actual @param {unknown} expected */
    const equal = (what, actual, expected) => {
      if (actual !== expected) problems.push(`${what}: ${actual}, expected ${expected}`);
    };
    const sent = this.accepted + this.refused;
    equal('ids given out', this.ids.sent, sent);
    equal('ids completed', this.ids.completed, sent);
    equal('inFlight', this.#socket.inFlight, 0);
    const stats = this.#socket.stats();
    const { how } = this.ids;
    equal('stats.sends', stats.sends, sent);
    equal('stats.bytes', stats.bytes, this.bytes);
    equal('stats.completed', stats.completed, sent);
    for (const [way, counter] of Object.entries(COUNTERS)) {
      const also = way === 'failed' ? this.refused : 0;
      equal(`stats.${counter}`, stats[counter], (how[/** @type {How} */ (way)] ?? 0) + also);
    }
    equal('stats.duplicateIds', stats.duplicateIds, 0);
    equal('stats.unknownIds', stats.unknownIds, 0);
    if (this.errors.length > 1) problems.push(`${this.errors.length} errors`);
    if (this.report !== undefined) {
      equal('report.ids', this.report.ids, sent);
      const unfinished = (how.revoked ?? 0) + (how.failed ?? 0) + this.refused;
      equal('report.unfinished', this.report.unfinished, unfinished);
    }
    for (const pool of pools) {
      const { free, acquired, inFlight, retired } = pool.stats();
      equal('free + retired', free + retired, pool.count);
      equal('acquired', acquired, 0);
      equal('inFlight of the pool', inFlight, 0);
    }
    return problems;
  }
}

/**
 * Buffers that users hold of the pools of these.
 * @param {readonly (PooledBuffer | Uint8Array)[]} buffers
 */
function heldIn(buffers) {
  const pools = new Set(buffers.map((buffer) => ('pool' in buffer ? buffer.pool : null)));
  let held = 0;
  for (const pool of pools) held += pool?.acquired ?? 0;
  return held;
}
