// @ts-check
// Repeats the table of the patch of 2014 on a kernel of today: from a packet socket to a
// UDP socket over loopback. An exchange is a datagram that was sent and received.
import { startReceiver } from '../../rig/index.mjs';
import { CorrectnessError, SenderProcess } from '../sender-process.mjs';
import { interval, summarize } from '../statistics.mjs';
import { ratiosOf, takeTurns } from '../turns.mjs';
import { programsTo } from './programs.mjs';
import { PUBLISHED } from './published.mjs';
import { patchTable } from './table.mjs';

/**
 * @typedef {import('../sender-process.mjs').Slice & { received: number }} Turn
 * @typedef {import('../statistics.mjs').Summary} Summary
 * @typedef {import('../statistics.mjs').Interval} Interval
 *
 * @typedef {object} PatchRow one size and sort of socket in one way
 * @property {number} size bytes of payload
 * @property {import('./programs.mjs').Mechanism} mechanism
 * @property {import('./published.mjs').Way} way
 * @property {Summary} exchangesPerSecond sent and received
 * @property {number} receivedShare of what was sent; the rest found the receiver's buffer full
 * @property {Summary} cpuSecondsPerExchange of the sending process, which loopback has do half of the
 *   receiving
 * @property {Interval} cpuRatio exchanges a CPU second of the sending process likewise
 * @property {Interval} ratio exchanges a second against the same socket without zero copy
 */

const QUICK = [1, 1000, 65_000];
const RECEIVE_BUFFER = 4 << 20;
// the length of a turn, as a share of one in other contests, since there are 63 programs
const SHARE = 0.3;

/** @type {import('../contests.mjs').Contest} */
export const patch = {
  name: 'patch',
  title: 'the table of the patch of 2014: over loopback to a UDP socket that reads and drops',
  sink: true, // packet sockets need privileges, which the namespace gives
  async run({ cSender, rig, rounds, seconds, quick }) {
    if (rig === null) throw new TypeError('no network of its own');
    const { v4: address } = rig.senderAddress;
    const namespace = rig.sender;
    const receiver = await startReceiver({
      ...{ protocol: 'udp', namespace, address, gro: false, truncate: true },
      rcvbuf: RECEIVE_BUFFER,
    });
    /** @type {PatchRow[]} */
    const rows = [];
    try {
      for (const { size } of PUBLISHED) {
        if (quick && !QUICK.includes(size)) continue;
        const programs = programsTo({ size, address, port: receiver.port });
        const senders = programs.map(
          ({ program }) => new SenderProcess(program, { cSender, namespace, destination: [] }),
        );
        try {
          for (const sender of senders) await sender.ready();
          const turns = await takeTurns(await exchanging(senders, receiver), {
            ...{ rounds, seconds: seconds * SHARE },
          });
          rows.push(...rowsOf(size, programs, turns));
          for (const sender of senders) await sender.stop();
        } finally {
          for (const sender of senders) sender.kill();
        }
      }
    } finally {
      await receiver.stop();
    }
    return { rows };
  },
  table: patchTable,
};

/**
 * Turns that end when the receiver has counted all that was sent: read, or dropped for want of room.
 * @param {SenderProcess[]} senders @param {import('../../rig/index.mjs').Receiver} receiver
 */
async function exchanging(senders, receiver) {
  let last = await receiver.report();
  return senders.map((sender) => ({
    /** @param {number} seconds @returns {Promise<Turn>} */
    async run(seconds) {
      const before = last;
      const slice = await sender.run(seconds);
      const counted = (/** @type {typeof last} */ { datagrams, drops }) =>
        datagrams - before.datagrams + drops - before.drops;
      last = await receiver
        .until((report) => counted(report) >= slice.sends)
        .catch((/** @type {Error} */ { message }) => {
          throw new CorrectnessError(`${sender.program.name}: not all arrived: ${message}`);
        });
      if (counted(last) > slice.sends) {
        throw new CorrectnessError(`${sender.program.name}: more arrived than it has sent`);
      }
      return { ...slice, received: last.datagrams - before.datagrams };
    },
  }));
}

const perSecond = (/** @type {Turn} */ { received, seconds }) => received / seconds;
const perCpuSecond = (/** @type {Turn} */ { sends, userSeconds, systemSeconds }) =>
  sends / (userSeconds + systemSeconds);

/**
 * @param {number} size @param {ReturnType<typeof programsTo>} programs @param {Turn[][]} turns
 * @returns {PatchRow[]}
 */
function rowsOf(size, programs, turns) {
  return programs.map(({ mechanism, way }, i) => {
    const own = turns[i] ?? [];
    const first = programs.findIndex((p) => p.mechanism === mechanism && p.way === 'copying');
    const sum = (/** @type {'sends' | 'received'} */ key) =>
      own.reduce((total, turn) => total + turn[key], 0);
    return {
      ...{ size, mechanism, way },
      exchangesPerSecond: summarize(own.map(perSecond)),
      receivedShare: sum('received') / sum('sends'),
      cpuSecondsPerExchange: summarize(
        own.map(({ userSeconds, systemSeconds, sends }) => (userSeconds + systemSeconds) / sends),
      ),
      ratio: interval(ratiosOf(own, turns[first] ?? [], perSecond)),
      cpuRatio: interval(ratiosOf(own, turns[first] ?? [], perCpuSecond)),
    };
  });
}
