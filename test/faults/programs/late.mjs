// @ts-check
// Datagrams that the kernel refuses late, with an errno of any kind: each buffer is filled anew as
// soon as it comes back, so an id that completes too early corrupts what is on its way.
import { execFileSync } from 'node:child_process';
import { fillDatagram } from '../../../rig/pattern.mjs';
import { Books } from '../books.mjs';
import { within } from '../sender.mjs';
import { BufferPool, faults, inject, UdpSocket } from '../zerosend.mjs';

/** @typedef {{ address: string, port: number }} Address */

const SEED = 77;

class Pump {
  sequence = 0;

  /** @param {import('zerosend').UdpSocket} socket @param {Address} peer */
  constructor(socket, peer) {
    this.socket = socket;
    this.peer = peer;
    this.pool = new BufferPool({ bufferSize: 65_536, count: 24, hugePages: 'none' });
    this.books = new Books(socket);
  }

  async buffer(/** @type {number} */ length, ahead = 0) {
    const buffer = this.pool.tryAcquire() ?? (await within(this.pool.acquire(), 'a buffer'));
    fillDatagram(buffer.bytes, this.sequence + ahead, SEED, length);
    return buffer;
  }

  async send(length = 1200) {
    this.books.send(await this.buffer(length), length, this.peer);
    this.sequence++;
  }

  /** @param {Address} to */
  async refuse(to, length = 1200) {
    const buffer = await this.buffer(length);
    const code = this.books.trySend(buffer, length, to);
    if (code === 'accepted') this.sequence++;
    else buffer.release();
    return code;
  }
}

/**
 * @typedef {object} Argument
 * @property {'route' | 'injected' | 'injected-many'} scenario
 * @property {4 | 6} family
 * @property {Address} peer
 * @property {Address} [dead] to which nothing gets
 * @property {string[]} [routes] what `ip route add` is told; DEVICE is that of the rig
 * @property {string} device
 * @property {import('../zerosend.mjs').Errno} error of what is injected
 */

const SCENARIOS = {
  /** The kernel refuses what goes to `dead`, in the midst of what is on its way. */
  async route(/** @type {Argument} */ { family, peer, dead, routes = [], device }) {
    for (const route of routes) {
      const words = route.replace('DEVICE', device).split(' ');
      execFileSync('ip', [`-${family}`, 'route', 'add', ...words]);
    }
    const pump = new Pump(await UdpSocket.open({ family, zeroCopy: 'always' }), peer);
    const codes = new Set();
    for (let i = 0; i < 120; i++) {
      await pump.send();
      if (i % 5 === 0) codes.add(await pump.refuse(/** @type {Address} */ (dead)));
    }
    return { pump, codes: [...codes], struck: 0 };
  },

  /**
   * The errno comes after the datagram, and its id, were taken: what is tried again arrives twice.
   * Its notification comes when it has left.
   */
  async injected(/** @type {Argument} */ { family, peer, error }) {
    const pump = new Pump(await UdpSocket.open({ family, zeroCopy: 'always' }), peer);
    const codes = new Set();
    let struck = 0;
    for (let i = 0; i < 60; i++) {
      await pump.send();
      if (i % 6 !== 0) continue;
      inject('sendto', { error, after: true });
      codes.add(await pump.refuse(peer));
      struck += faults('sendto').struck; // it may have had to wait behind an earlier one
      inject('sendto');
    }
    return { pump, codes: [...codes], struck };
  },

  async 'injected-many'(/** @type {Argument} */ { family, peer, error }) {
    const socket = await UdpSocket.open({ family, remote: peer, zeroCopy: 'always' });
    const pump = new Pump(socket, peer);
    for (let i = 0; i < 12; i++) {
      const lengths = [1200, 1201, 1202, 1203, 1204];
      const buffers = [];
      for (const [k, length] of lengths.entries()) buffers.push(await pump.buffer(length, k));
      inject('sendmmsg', { error, after: true, limit: (i % 5) + 1 });
      pump.books.sendMany(buffers, lengths);
      pump.sequence += lengths.length;
    }
    return { pump, codes: [], struck: 12 };
  },
};

/** @param {Argument} argument */
export async function run(argument) {
  const { pump, ...more } = await SCENARIOS[argument.scenario](argument);
  await within(pump.socket.flush(), 'flush');
  const { phantomIds, softErrors, unknownStamps } = pump.socket.stats();
  const { reason } = pump.socket.info().zeroCopy;
  const report = await within(pump.socket.close(), 'close');
  return {
    ...more,
    report,
    problems: pump.books.audit([pump.pool]),
    how: pump.books.ids.how,
    phantomIds,
    softErrors,
    unknownStamps,
    reason,
    datagrams: pump.sequence,
  };
}
