// @ts-check
// What it costs to watch a socket: watching.mjs, a process for each round.
import { align, spread } from './report.mjs';
import { roundsOf } from './rounds.mjs';
import { Sink } from './sinks.mjs';
import { interval, sideOf, summarize } from './statistics.mjs';

/**
 * @typedef {object} WatchRow what `WatchRound` has, of all rounds
 * @property {string} kind
 * @property {string} watch
 * @property {import('./statistics.mjs').Summary} nanoseconds
 * @property {import('./statistics.mjs').Interval} all
 * @property {import('./statistics.mjs').Interval} least
 */

/** What is to cost less than a hundredth: all but what does something for each send or range. */
const BOUND = 1.01;
const BOUNDED = ['measureLatency', 'stallAfter', 'channels, with a subscriber'];

/** @type {import('./contests.mjs').Contest} */
export const watching = {
  name: 'watching',
  title: 'CPU time of a send of a socket that is watched, as a multiple of that of one that is not',
  sink: true,
  async run({ rig, rounds, seconds }) {
    if (rig === null) throw new TypeError('no network of its own');
    const sink = new Sink(rig.sender, 0);
    await sink.create();
    try {
      const where = ['--address', rig.receiverAddress.v4, '--interface', sink.name];
      const args = [...where, '--seconds', String(seconds)];
      /** @type {import('./watching.mjs').WatchRound[][]} */
      const measured = await roundsOf(rig.sender, 'watching.mjs', args, rounds);
      const rows = (measured[0] ?? []).map((_, i) =>
        rowOf(measured.flatMap((each) => each[i] ?? [])),
      );
      return { rows, undecided: rows.filter(isUndecided).map(say) };
    } finally {
      await sink.remove();
    }
  },
  table(/** @type {{ rows: WatchRow[] }} */ { rows }) {
    const kinds = [...new Set(rows.map(({ kind }) => kind))];
    return kinds.map((kind) => kindTable(rows.filter((row) => row.kind === kind))).join('\n');
  },
};

/** @param {import('./watching.mjs').WatchRound[]} rounds @returns {WatchRow} */
function rowOf(rounds) {
  return {
    ...{ kind: rounds[0]?.kind ?? '', watch: rounds[0]?.watch ?? '' },
    nanoseconds: summarize(rounds.map(({ nanoseconds }) => nanoseconds)),
    all: interval(rounds.map(({ all }) => all)),
    least: interval(rounds.map(({ least }) => least)),
  };
}

/** @param {WatchRow} row */
const isUndecided = ({ watch, least }) =>
  BOUNDED.includes(watch) && sideOf(least, BOUND) === 'undecided';

/** @param {WatchRow} row */
const say = ({ kind, watch, least }) =>
  `${kind}: ${watch}: ${least.ratio.toFixed(3)} [${least.low.toFixed(3)}, ${least.high.toFixed(3)}], target ${BOUND}`;

/** @param {WatchRow[]} rows of one kind */
function kindTable(rows) {
  const costs = summarize(rows.map(({ nanoseconds }) => nanoseconds.median));
  const head = [`${rows[0]?.kind}: ${costs.median.toFixed(0)} ns`];
  const lines = rows.map(({ watch, least, all }) => [
    ...[watch, least.ratio.toFixed(3), spread(least, 3)],
    ...[all.ratio.toFixed(3), spread(all, 3)],
  ]);
  return align([[...head, 'least', '95 %', 'all', '95 %'], ...lines]).join('\n');
}
