// @ts-check
// What it costs to watch a socket: two sockets send in turns, in short blocks, of which one is watched.
// Started by watching-contest.mjs where the packets have somewhere to go:
//   node bench/watching.mjs --address A --interface NAME [--seconds S] [--reversed]
// Prints one line of JSON. Processes differ by a hundredth or two, as memory happens to lie in them: so it takes
// several to say anything.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setImmediate as turn } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { BufferPool, PacketSocket, UdpSocket } from 'zerosend';
import { compile, template } from 'zerosend/generator';
import { quantile } from './statistics.mjs';

/**
 * @typedef {import('zerosend').PooledBuffer} PooledBuffer
 * @typedef {UdpSocket | PacketSocket} Socket
 *
 * @typedef {object} Watch what is switched on for the second of two sockets
 * @property {string} name
 * @property {{ measureLatency?: boolean, stallAfter?: number }} [options]
 * @property {(socket: Socket) => void} [begin]
 * @property {boolean} [tagged] each of its sends has a tag
 * @property {boolean} [channels] somebody subscribes to all channels while it sends
 *
 * @typedef {object} Kind of a send
 * @property {string} name
 * @property {number} size bytes
 * @property {number} block sends of one block: a millisecond or two
 * @property {(options: NonNullable<Watch['options']>) => Promise<Socket>} open
 *
 * @typedef {object} WatchRound of one process
 * @property {string} kind
 * @property {string} watch
 * @property {number} nanoseconds of CPU for a send of the socket that is not watched, in the median of blocks
 * @property {number} all CPU time of the watched socket as a multiple of the other's: of all blocks, collections
 *   of garbage included
 * @property {number} least the same of the twentieth of the blocks that took least, which other load moves less
 */

const { values } = parseArgs({
  options: {
    address: { type: 'string', default: '127.0.0.1' },
    interface: { type: 'string', default: '' },
    seconds: { type: 'string', default: '0.1' },
    reversed: { type: 'boolean', default: false },
  },
});

/** Sends between two turns of the event loop. */
const STRETCH = 256;
/** Blocks after which the JavaScript is compiled. */
const WARM_UP = 20;
const CHANNELS = ['socket:open', 'socket:error', 'socket:close', 'completion:stall'];
const nobody = () => {};

async function read(/** @type {Socket} */ socket) {
  for await (const _ of socket.completions());
}

/** @type {Watch} */
const UNWATCHED = { name: '' };
/** @type {Watch[]} */
const WATCHES = [
  { name: 'nothing' },
  { name: 'measureLatency', options: { measureLatency: true } },
  { name: 'stallAfter', options: { stallAfter: 1000 } },
  { name: 'channels, with a subscriber', channels: true },
  { name: 'a listener of complete', begin: (socket) => void socket.on('complete', nobody) },
  { name: 'completions(), with a reader', begin: (socket) => void read(socket) },
  { name: 'a tag for each send', tagged: true },
];

const remote = { address: values.address, port: 9 };
const packets = compile(
  template({
    ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
    ipv4: { source: '198.18.0.1', destination: '198.18.0.2' },
    udp: { source: 1024, destination: 9 },
    length: 60,
  }),
);

/** @type {Kind[]} */
const KINDS = [
  {
    ...{ name: 'PacketSocket.send, 60 B', size: 60, block: 2048 },
    open: (options) =>
      PacketSocket.open({ ...options, interface: values.interface, init: packets.init }),
  },
  {
    ...{ name: 'UdpSocket.send, 60 B', size: 60, block: 512 },
    open: (options) => UdpSocket.open({ ...options, remote }),
  },
  {
    ...{ name: 'UdpSocket.send, 65,000 B as a GSO train', size: 65_000, block: 512 },
    open: (options) => UdpSocket.open({ ...options, remote, segmentSize: 1400 }),
  },
];

/** One of the two sockets, and what it sends from. */
class Side {
  /** @type {number[]} CPU nanoseconds a send, of each block of this round */
  costs = [];

  /** @param {Kind} kind @param {Watch} watch @param {Socket} socket */
  constructor(kind, watch, socket) {
    this.kind = kind;
    this.watch = watch;
    this.socket = socket;
    this.pool = socket instanceof PacketSocket ? socket.pool : new BufferPool();
  }

  /** @param {Kind} kind @param {Watch} watch */
  static async open(kind, watch) {
    const socket = await kind.open(watch.options ?? {});
    watch.begin?.(socket);
    return new Side(kind, watch, socket);
  }

  async block() {
    const { kind, watch } = this;
    if (watch.channels) for (const name of CHANNELS) subscribe(`zerosend:${name}`, nobody);
    const before = process.cpuUsage();
    await (watch.tagged ? this.#sendTagged() : this.#send());
    const { user, system } = process.cpuUsage(before);
    if (watch.channels) for (const name of CHANNELS) unsubscribe(`zerosend:${name}`, nobody);
    this.costs.push(((user + system) * 1000) / kind.block);
  }

  async #send() {
    const { socket, pool } = this;
    const { size, block } = this.kind;
    for (let sent = 0; sent < block; ) {
      for (const end = sent + STRETCH; sent < end; sent++) {
        socket.send(pool.tryAcquire() ?? (await pool.acquire()), size);
      }
      await turn();
    }
  }

  async #sendTagged() {
    const { socket, pool } = this;
    const { size, block } = this.kind;
    for (let sent = 0; sent < block; ) {
      for (const end = sent + STRETCH; sent < end; sent++) {
        socket.send(pool.tryAcquire() ?? (await pool.acquire()), size, { tag: sent });
      }
      await turn();
    }
  }

  async close() {
    await this.socket.close();
    if (!(this.socket instanceof PacketSocket)) await this.pool.close();
  }
}

/** @param {Side} plain @param {Side} watched @param {number} seconds */
async function takeTurns(plain, watched, seconds) {
  plain.costs = [];
  watched.costs = [];
  const end = performance.now() + seconds * 1000;
  do {
    for (const side of [plain, watched, watched, plain]) await side.block();
  } while (performance.now() < end);
}

const sum = (/** @type {number[]} */ costs) => costs.reduce((total, cost) => total + cost, 0);
const least = (/** @type {number[]} */ costs) => quantile(costs, 0.05);

/** @param {Kind} kind @param {Watch} watch @returns {Promise<WatchRound>} */
async function compare(kind, watch) {
  const early = await Side.open(kind, values.reversed ? watch : UNWATCHED);
  const late = await Side.open(kind, values.reversed ? UNWATCHED : watch);
  const [plain, watched] = values.reversed ? [late, early] : [early, late];
  const seconds = Number(values.seconds);
  await takeTurns(plain, watched, seconds / 4);
  await takeTurns(plain, watched, seconds);
  await plain.close();
  await watched.close();
  return {
    ...{ kind: kind.name, watch: watch.name, nanoseconds: quantile(plain.costs, 0.5) },
    all: sum(watched.costs) / sum(plain.costs),
    least: least(watched.costs) / least(plain.costs),
  };
}

const pairs = KINDS.flatMap((kind) => WATCHES.map((watch) => ({ kind, watch })));
// The JavaScript of one is compiled anew when the next one takes other ways through it.
for (const { kind, watch } of pairs) {
  const side = await Side.open(kind, watch);
  for (let block = 0; block < WARM_UP; block++) await side.block();
  await side.close();
}
/** @type {WatchRound[]} */
const rounds = [];
for (const { kind, watch } of pairs) rounds.push(await compare(kind, watch));
console.log(JSON.stringify(rounds));
