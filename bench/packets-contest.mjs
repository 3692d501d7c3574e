// @ts-check
// What packets cost that differ in more than a counter: packets.mjs, a process for each round.
import { align, spread } from './report.mjs';
import { roundsOf } from './rounds.mjs';
import { Sink } from './sinks.mjs';
import { interval, sideOf, summarize } from './statistics.mjs';

/**
 * @typedef {object} PacketsRow what `PacketsRound` has, of all rounds
 * @property {string} socket
 * @property {string} kind
 * @property {number} length
 * @property {import('./statistics.mjs').Summary} nanoseconds
 * @property {import('./statistics.mjs').Interval} share
 */

const TARGET = 0.9;

/** @type {import('./contests.mjs').Contest} */
export const packets = {
  name: 'packets',
  title: 'packets for each CPU second, as a share of those of the same mean length with a counter',
  sink: true,
  async run({ rig, rounds, seconds }) {
    if (rig === null) throw new TypeError('no network of its own');
    const sinks = [new Sink(rig.sender, 0), new Sink(rig.sender, 1)];
    const [one = '', other = ''] = sinks.map(({ name }) => name);
    try {
      for (const sink of sinks) await sink.create();
      const args = ['--interface', one, '--other', other, '--seconds', String(seconds)];
      /** @type {import('./packets.mjs').PacketsRound[][]} */
      const measured = await roundsOf(rig.sender, 'packets.mjs', args, rounds);
      const rows = (measured[0] ?? []).map((_, i) =>
        rowOf(measured.flatMap((each) => each[i] ?? [])),
      );
      const unclear = rows.filter(({ share }) => sideOf(share, TARGET) === 'undecided');
      return { rows, undecided: unclear.map(say) };
    } finally {
      for (const sink of sinks) await sink.remove();
    }
  },
  table(/** @type {{ rows: PacketsRow[] }} */ { rows }) {
    const head = ['', '', 'bytes', 'counter, ns', 'share', '95 %'];
    const lines = rows.map(({ socket, kind, length, nanoseconds, share }) => [
      ...[socket, kind, String(length), nanoseconds.median.toFixed(0)],
      ...[share.ratio.toFixed(3), spread(share, 3)],
    ]);
    return align([head, ...lines]).join('\n');
  },
};

/** @param {import('./packets.mjs').PacketsRound[]} rounds @returns {PacketsRow} */
function rowOf(rounds) {
  const { socket = '', kind = '', length = 0 } = rounds[0] ?? {};
  return {
    ...{ socket, kind, length },
    nanoseconds: summarize(rounds.map(({ nanoseconds }) => nanoseconds)),
    share: interval(rounds.map(({ share }) => share)),
  };
}

/** @param {PacketsRow} row */
const say = ({ socket, kind, share }) =>
  `${socket}, ${kind}: ${share.ratio.toFixed(3)} [${share.low.toFixed(3)}, ${share.high.toFixed(3)}], target ${TARGET}`;
