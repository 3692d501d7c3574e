// @ts-check
// Measures what a second thread adds: two workers of one process against one, and two C
// processes against one.
import { c, js } from './program.mjs';
import { align, moved, spread } from './report.mjs';
import { SenderProcess } from './sender-process.mjs';
import { interval, sideOf, summarize } from './statistics.mjs';
import { ratiosOf, takeTurns } from './turns.mjs';

/**
 * @typedef {{ bytes: number, seconds: number }} Together what several did at once
 * @typedef {{ name: string, bytesPerSecond: import('./statistics.mjs').Summary,
 *   gain: import('./statistics.mjs').Interval }} WorkerRow `gain`: against one of its kind
 */

const GSO = ['--size', '65000', '--segment', '1400'];
const PORT = 9;
const C = c('C', [...GSO, '--sendto'], 'zerocopied');
const workers = (/** @type {number} */ count) =>
  js(`workers ${count}`, ['workers', ...GSO, '--workers', String(count)], 'zerocopied');

/**
 * The contestants, which take turns: programs that send at the same time, and the contestant that
 * they are compared with.
 */
const CONTESTANTS = [
  { name: 'C, one process', programs: [C], one: 0 },
  { name: 'C, two processes', programs: [C, C], one: 0 },
  { name: 'UdpSocket, one worker', programs: [workers(1)], one: 2 },
  { name: 'UdpSocket, two workers', programs: [workers(2)], one: 2 },
];
/** The share of a second C process's gain that a second worker should reach. */
const TARGET = 0.97;

/** @type {import('./contests.mjs').Contest} */
export const scaleWorkers = {
  name: 'scale-workers',
  title: 'UDP, 65000 B as GSO trains of 1400 B, from two threads at once',
  sink: true,
  async run({ cSender, rig, rounds, seconds }) {
    if (rig === null) throw new TypeError('no network of its own');
    const { v4 } = rig.receiverAddress;
    const destination = ['--protocol', 'udp', '--address', v4, '--port', String(PORT)];
    const where = { cSender, namespace: rig.sender, destination };
    const groups = CONTESTANTS.map(({ programs }) =>
      programs.map((program) => new SenderProcess(program, where)),
    );
    try {
      for (const sender of groups.flat()) await sender.ready();
      const turns = await takeTurns(groups.map(together), { rounds, seconds });
      for (const sender of groups.flat()) await sender.stop();
      return outcomeOf(turns);
    } finally {
      for (const sender of groups.flat()) sender.kill();
    }
  },
  table(/** @type {ReturnType<typeof outcomeOf>} */ { rows, compared }) {
    const lines = rows.map(({ name, bytesPerSecond, gain }) => [
      ...[name, (bytesPerSecond.median / 1e9).toFixed(2), spread(bytesPerSecond, 2, 1e9)],
      ...(gain.within === 0 ? ['', ''] : [gain.ratio.toFixed(2), spread(gain, 2)]),
    ]);
    const { ratio } = compared;
    return [
      ...align([['', 'GB/s', 'quartiles', 'of one', '95 %'], ...lines]),
      moved(
        `what a second worker gains / a second C process: ${ratio.toFixed(3)}  ${spread(compared, 3)}`,
      ),
    ].join('\n');
  },
};

/** @param {SenderProcess[]} senders */
function together(senders) {
  return {
    /** @param {number} time @returns {Promise<Together>} */
    async run(time) {
      const slices = await Promise.all(senders.map((sender) => sender.run(time)));
      return {
        bytes: slices.reduce((sum, { bytes }) => sum + bytes, 0),
        seconds: Math.max(...slices.map(({ seconds }) => seconds)),
      };
    },
  };
}

const rate = (/** @type {Together} */ { bytes, seconds }) => bytes / seconds;

/** @param {Together[][]} turns */
function outcomeOf(turns) {
  const gains = CONTESTANTS.map(({ one }, i) => ratiosOf(turns[i] ?? [], turns[one] ?? [], rate));
  /** @type {WorkerRow[]} */
  const rows = CONTESTANTS.map(({ name }, i) => ({
    name,
    bytesPerSecond: summarize((turns[i] ?? []).map(rate)),
    gain: interval(gains[i] ?? []),
  }));
  const [, inC = [], , inWorkers = []] = gains;
  const compared = interval(ratiosOf(inWorkers, inC, (gain) => gain));
  const open = sideOf(compared, TARGET) === 'undecided';
  const undecided = open
    ? [`two workers / two C processes: ${spread(compared, 3)}, target ${TARGET}`]
    : [];
  return { rows, compared, undecided };
}
