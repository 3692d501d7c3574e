// @ts-check
// Datagrams that the kernel refuses when they have taken an id of its own already. Each buffer is
// filled anew as soon as it comes back, so an id that completes too early corrupts what is on its
// way.
import { execFileSync } from 'node:child_process';
import { fillDatagram, fillTrain } from '../../../rig/pattern.mjs';
import { Books } from '../books.mjs';
import { pause, within } from '../sender.mjs';
import {
  ALWAYS,
  BufferPool,
  clearFaults,
  IP_RECVERR,
  IPV6_RECVERR,
  inject,
  SOL_IP,
  SOL_IPV6,
  setOption,
  UdpSocket,
} from '../zerosend.mjs';

/** @typedef {import('zerosend').UdpSocket} Udp */
/** @typedef {{ address: string, port: number }} Address */

/**
 * @typedef {object} Argument
 * @property {keyof typeof SCENARIOS} scenario
 * @property {4 | 6} family
 * @property {Address} peer
 * @property {string} device on the way to the peer
 */

const SEGMENT = 1400;
const TRAIN = 10 * SEGMENT;
const SEED = 77;
/** Bytes of a path on which a segment, or a long datagram, does not fit. */
const NARROW = 1300;

/** @param {Argument} argument @param {string[]} words */
function route({ family, device }, ...words) {
  execFileSync('ip', [`-${family}`, 'route', 'replace', ...words, 'dev', device]);
}

class Pump {
  /** Datagrams sent so far. */
  sequence = 0;

  /** @param {Udp} socket @param {number} buffers */
  constructor(socket, buffers) {
    this.socket = socket;
    this.pool = new BufferPool({ bufferSize: 65_536, count: buffers, hugePages: 'none' });
    this.books = new Books(socket);
  }

  async train(/** @type {number} */ length) {
    const buffer = this.pool.tryAcquire() ?? (await within(this.pool.acquire(), 'a buffer'));
    const datagrams = fillTrain(buffer.bytes, length, SEGMENT, this.sequence, SEED);
    return { buffer, length, datagrams };
  }

  /** A train that is taken. @param {Address} to */
  async send(to, length = TRAIN) {
    const { buffer, datagrams } = await this.train(length);
    this.books.send(buffer, length, to);
    this.sequence += datagrams;
  }

  /** A train that is refused; answers the code. @param {Address} to */
  async refuse(to) {
    const { buffer } = await this.train(TRAIN);
    const code = this.books.trySend(buffer, TRAIN, to);
    buffer.release();
    return code;
  }

  /** @param {number} length */
  async datagram(length) {
    const buffer = this.pool.tryAcquire() ?? (await within(this.pool.acquire(), 'a buffer'));
    fillDatagram(buffer.bytes, this.sequence, SEED, length);
    this.books.send(buffer, length);
    this.sequence++;
  }

  /** @param {number[]} lengths */
  async many(lengths) {
    const buffers = [];
    for (const length of lengths) {
      const buffer = this.pool.tryAcquire() ?? (await within(this.pool.acquire(), 'a buffer'));
      fillDatagram(buffer.bytes, this.sequence++, SEED, length);
      buffers.push(buffer);
    }
    this.books.sendMany(buffers, lengths);
  }
}

/** @type {(options: import('zerosend').UdpOptions) => Promise<Udp>} */
const open = (options) => UdpSocket.open({ zeroCopy: 'always', ...options });

/** @param {Argument} argument @param {Udp} socket */
function askForDrops({ family }, socket) {
  const [level, name] = family === 4 ? [SOL_IP, IP_RECVERR] : [SOL_IPV6, IPV6_RECVERR];
  const error = setOption(socket.fd, level, name, 1);
  if (error !== 0) throw new Error(`setsockopt: errno ${error}`);
}

const SCENARIOS = {
  /** To addresses of one's choice, whose path cannot be looked at beforehand. */
  async 'a segment too long for its path'(/** @type {Argument} */ argument) {
    const far = argument.family === 4 ? '198.18.77.1' : 'fd00:198:77::1';
    route(argument, `${far}/${argument.family === 4 ? 32 : 128}`, 'mtu', 'lock', `${NARROW}`);
    const pump = new Pump(await open({ family: argument.family, segmentSize: SEGMENT }), 12);
    const codes = new Set();
    for (let i = 0; i < 150; i++) {
      await pump.send(argument.peer);
      if (i % 3 === 0) codes.add(await pump.refuse({ address: far, port: 9 }));
      if (i % 7 === 0) codes.add(await pump.refuse({ address: far, port: 9 }));
    }
    return { pump, codes: [...codes], refused: 50 + 22 };
  },

  /** The path narrows under an open socket; sendmmsg stops in the middle and does not say why. */
  async 'a datagram too long within sendMany'(/** @type {Argument} */ argument) {
    const { peer, family } = argument;
    const socket = await open({ family, remote: peer, segmentSize: SEGMENT });
    const pump = new Pump(socket, 20);
    route(argument, `${peer.address}/${family === 4 ? 32 : 128}`, 'mtu', 'lock', `${NARROW}`);
    const failing = [];
    for (let i = 0; i < 40; i++) {
      const first = socket.nextId;
      const lengths = [1000, 1001, 5000, 1002, 1003, 1004, 5000, 5000, 1005];
      await pump.many(lengths);
      failing.push(first + 2, first + 6, first + 7);
    }
    await within(socket.flush(), 'flush');
    const wrong = failing.filter((id) => pump.books.ids.howOf(id) !== 'failed');
    return { pump, failing: failing.length, wrong };
  },

  /** Whole datagrams that a full queueing discipline drops, on a socket that is to hear of it. */
  async 'a full queue'(/** @type {Argument} */ argument) {
    const socket = await open({ remote: argument.peer });
    askForDrops(argument, socket);
    const pump = new Pump(socket, 40);
    for (let i = 0; i < 400; i++) await pump.datagram(SEGMENT - (i % 100));
    await within(socket.flush(), 'flush');
    return { pump };
  },

  /**
   * A datagram of which the queue takes a part: its notification comes when that part has left, and
   * the kernel makes one range of it and of those before.
   */
  async 'a part of a datagram in a full queue'(/** @type {Argument} */ argument) {
    const socket = await open({ remote: argument.peer });
    askForDrops(argument, socket);
    const pump = new Pump(socket, 40);
    inject('recvmsg', { error: 'ENOMEM', times: ALWAYS });
    for (let i = 0; i < 40 && socket.stats().noBuffers === 0; i++) {
      await pump.datagram(i < 5 ? SEGMENT : 20_000);
    }
    inject('sendto', { error: 'EAGAIN', times: ALWAYS }); // while the queue empties
    await pause(150);
    clearFaults();
    await within(socket.flush(), 'flush');
    const first = socket.nextId;
    for (let i = 0; i < 20; i++) await pump.datagram(SEGMENT);
    await within(socket.flush(), 'flush');
    const last = Array.from({ length: 20 }, (_, i) => pump.books.ids.howOf(first + i));
    return { pump, reason: socket.info().zeroCopy.reason, last };
  },

  /**
   * Datagrams in fragments, of which a full queue takes the first and drops the rest: what is tried
   * again too soon keeps the queue full. All of them fit but those of `never`.
   */
  async 'fragments in a full queue'(/** @type {Argument} */ argument) {
    const socket = await open({ remote: argument.peer, zeroCopy: 'never' });
    askForDrops(argument, socket);
    const pump = new Pump(socket, 40);
    const never = [];
    for (let i = 0; i < 12; i++) {
      if (i === 8) never.push(socket.nextId);
      await pump.datagram(i === 8 ? 60_000 : 15_000);
    }
    const before = performance.now();
    await within(socket.flush(), 'flush', 15_000);
    const seconds = (performance.now() - before) / 1000;
    const wrong = never.filter((id) => pump.books.ids.howOf(id) !== 'failed');
    return { pump, wrong, seconds };
  },

  /** The same in a batch, with room again by the time of the second attempt. */
  async 'a part of a datagram in a full queue, within sendMany'(/** @type {Argument} */ argument) {
    const socket = await open({ remote: argument.peer });
    askForDrops(argument, socket);
    const pump = new Pump(socket, 12);
    for (let round = 0; round < 4; round++) {
      inject('sendto', { delay: 60, times: ALWAYS });
      inject('sendmmsg', { skip: 1, delay: 100, times: ALWAYS });
      await pump.many([20_000, 20_000, 20_000, 20_000, 20_000, 20_000]);
      clearFaults();
      for (let i = 0; i < 60; i++) await pump.datagram(SEGMENT);
    }
    await within(socket.flush(), 'flush');
    return { pump };
  },
};

/** @param {Argument} argument */
export async function run(argument) {
  const { pump, ...more } = await SCENARIOS[argument.scenario](argument);
  await within(pump.socket.flush(), 'flush');
  const stats = pump.socket.stats();
  const report = await within(pump.socket.close(), 'close');
  return {
    ...more,
    report,
    problems: pump.books.audit([pump.pool]),
    how: pump.books.ids.how,
    phantomIds: stats.phantomIds,
    noBuffers: stats.noBuffers,
    datagrams: pump.sequence,
  };
}
