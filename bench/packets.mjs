// @ts-check
// What packets cost that differ in more than a counter: `generate` sends two kinds in turns, in slices of
// some milliseconds, each over a socket of its own. Started by packets-contest.mjs:
//   node bench/packets.mjs --interface A --other B [--seconds S] [--reversed]
// Prints one line of JSON.
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { PacketSocket, XdpSocket } from 'zerosend';
import { compile, generate, template } from 'zerosend/generator';

/**
 * @typedef {import('zerosend/generator').PacketDescription} PacketDescription
 * @typedef {import('zerosend/generator').AnyField} AnyField
 * @typedef {{ template: PacketDescription, fields: AnyField[] }} Packets
 *
 * @typedef {object} Kind of packets
 * @property {string} name
 * @property {Packets | { mix: Packets[] }} packets
 * @property {number} meanLength bytes
 *
 * @typedef {object} PacketsRound of one process
 * @property {string} socket
 * @property {string} kind
 * @property {number} length of the packets that differ in a counter alone: the mean of the others
 * @property {number} nanoseconds of CPU for each of those
 * @property {number} share how many of the others are sent in the same CPU time
 */

const { values } = parseArgs({
  options: {
    interface: { type: 'string', default: '' },
    other: { type: 'string', default: '' },
    seconds: { type: 'string', default: '0.35' },
    reversed: { type: 'boolean', default: false },
  },
});

const SLICE = 20; // ms
const ethernet = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' };
const ipv4 = { source: '198.18.0.1', destination: '198.18.0.2' };

/** UDP packets. @param {number} port they go to @param {Partial<PacketDescription>} more @returns {PacketDescription} */
const udp = (port, more) => ({ ethernet, ipv4, udp: { source: 1024, destination: port }, ...more });

/** @type {AnyField} */
const counter = { target: { layer: 'payload', offset: 0, width: 4 }, counter: {} };

/** Packets that differ in a counter alone. @param {number} length @returns {Packets} */
const counted = (length, port = 9) => ({ template: udp(port, { length }), fields: [counter] });

/** Packets of one template. @param {string} name @param {AnyField} field @returns {Kind} */
function varied(name, field) {
  const packets = { template: udp(9, {}), fields: [field] };
  return { name, packets, meanLength: compile(template(packets.template), [field]).meanLength };
}

const NAMES = Array.from(
  { length: 1000 },
  (_, i) => `host-${i}.${'sub.'.repeat(i % 4)}example.com`,
);

/** @type {Kind[]} */
const KINDS = [
  {
    name: 'a mix of six templates, each with a counter',
    packets: { mix: [1, 2, 3, 4, 5, 6].map((port) => counted(64, port)) },
    meanLength: 64,
  },
  varied('lengths of the Internet mix', { target: 'length', list: 'imix' }),
  varied('lengths that are drawn', { target: 'length', random: { min: 64, max: 1514, seed: 7 } }),
  varied('DNS queries of a list of 1000', { target: 'payload', list: NAMES, as: 'dns' }),
];

/** A run of `generate` that is paused but for its slices. */
class Side {
  packets = 0;
  nanoseconds = 0;
  #socket;
  #run;

  /** @param {PacketSocket | XdpSocket} socket @param {Packets | { mix: Packets[] }} packets */
  constructor(socket, packets) {
    this.#socket = socket;
    this.#run = generate({ socket, ...packets });
    this.#run.pause();
  }

  async slice() {
    const { packets } = this.#run.progress();
    const before = process.cpuUsage();
    this.#run.resume();
    await delay(SLICE);
    this.#run.pause();
    const { user, system } = process.cpuUsage(before);
    this.packets += this.#run.progress().packets - packets;
    this.nanoseconds += (user + system) * 1000;
  }

  reset() {
    this.packets = this.nanoseconds = 0;
  }

  get cost() {
    return this.nanoseconds / this.packets;
  }

  async close() {
    this.#run.stop();
    const { failed } = await this.#run;
    await this.#socket.close();
    if (failed > 0) throw new Error(`${failed} packets were refused`);
  }
}

const SOCKETS = /** @type {const} */ ([
  ['PacketSocket', PacketSocket.open],
  ['XdpSocket', XdpSocket.open],
]);

/** @param {typeof SOCKETS[number]} socket @param {Kind} kind @returns {Promise<PacketsRound>} */
async function compare([socket, open], { name, packets, meanLength }) {
  const length = Math.round(meanLength);
  const [first, second] = values.reversed
    ? [values.other, values.interface]
    : [values.interface, values.other];
  const plain = new Side(await open({ interface: first }), counted(length));
  const others = new Side(await open({ interface: second }), packets);
  const end = performance.now() + Number(values.seconds) * 1000;
  const sides = values.reversed ? [others, plain, plain, others] : [plain, others, others, plain];
  for (const side of sides) await side.slice();
  for (const side of sides) side.reset();
  do {
    for (const side of sides) await side.slice();
  } while (performance.now() < end);
  await plain.close();
  await others.close();
  return { socket, kind: name, length, nanoseconds: plain.cost, share: plain.cost / others.cost };
}

/** @type {PacketsRound[]} */
const rounds = [];
for (const socket of SOCKETS) for (const kind of KINDS) rounds.push(await compare(socket, kind));
console.log(JSON.stringify(rounds));
