// @ts-check
// Measures how soon an idle program learns that a send has completed: a listener of a
// UdpSocket, compared with threads in C that wait on the same kind of socket.
import { createRig } from '../rig/index.mjs';
import { c, js } from './program.mjs';
import { align, moved } from './report.mjs';
import { SenderProcess } from './sender-process.mjs';
import { differenceOf, quantile, summarize } from './statistics.mjs';
import { takeTurns } from './turns.mjs';

/**
 * @typedef {import('./sender-process.mjs').Slice} Slice
 * @typedef {import('./statistics.mjs').Summary} Summary
 *
 * @typedef {object} LatencyRow
 * @property {string} name
 * @property {Summary} p50 microseconds from send to completion, of all rounds
 * @property {Summary} p99
 * @property {import('./statistics.mjs').Difference} beyond microseconds of the p50 beyond that of the
 *   program that never stops looking: what waking up takes
 */

/**
 * A datagram of 1442 B with its headers empties the token bucket; the next one waits for 1.3 ms.
 */
const SHAPED = { rate: { rate: '8mbit', burst: '1600b', limit: '1mb' } };
const SIZE = ['--size', '1400'];
const PORT = 9;

const PROGRAMS = [
  c('C, looks all the time', [...SIZE, '--loop', 'wake', '--spin'], 'zerocopied'),
  c('C, a thread waits (epoll)', [...SIZE, '--loop', 'wake'], 'zerocopied'),
  js('UdpSocket, a listener', ['wake', ...SIZE], 'zerocopied'),
];

const REMARK =
  'Each sends two datagrams behind a token bucket, which holds the second one back, and is told when it\n' +
  'has completed. How much that is beyond the first program is what waking up takes.';

/** @type {import('./contests.mjs').Contest} */
export const idleLatency = {
  name: 'idle-latency',
  title: 'UDP, microseconds from a send to its completion, of an idle program',
  sink: true,
  async run({ cSender, rounds, seconds }) {
    const rig = await createRig('sink', SHAPED);
    const destination = ['--address', rig.receiverAddress.v4, '--port', String(PORT)];
    const senders = PROGRAMS.map(
      (program) => new SenderProcess(program, { cSender, namespace: rig.sender, destination }),
    );
    try {
      for (const sender of senders) await sender.ready();
      const turns = await takeTurns(senders, { rounds, seconds });
      for (const sender of senders) await sender.stop();
      return { rows: turns.map((own, i) => rowOf(PROGRAMS[i]?.name ?? '', own, turns[0] ?? [])) };
    } finally {
      for (const sender of senders) sender.kill();
      await rig.dispose();
    }
  },
  table(/** @type {{ rows: LatencyRow[] }} */ { rows }) {
    const head = ['', 'p50', 'quartiles', 'p99', 'beyond the first', '95 %'];
    const lines = rows.map(({ name, p50, p99, beyond }, i) => [
      ...[name, p50.median.toFixed(1), `${p50.low.toFixed(1)}-${p50.high.toFixed(1)}`],
      p99.median.toFixed(1),
      ...(i === 0
        ? ['', '']
        : [beyond.difference.toFixed(1), `${beyond.low.toFixed(1)} to ${beyond.high.toFixed(1)}`]),
    ]);
    return [...align([head, ...lines]), moved(REMARK)].join('\n');
  },
};

const micro =
  (/** @type {number} */ share) =>
  (/** @type {Slice} */ { waits = [] }) =>
    quantile(waits, share) * 1e6;

/** @param {string} name @param {Slice[]} slices @param {Slice[]} first @returns {LatencyRow} */
function rowOf(name, slices, first) {
  const [p50, p99] = [micro(0.5), micro(0.99)];
  return {
    name,
    p50: summarize(slices.map(p50)),
    p99: summarize(slices.map(p99)),
    beyond: differenceOf(slices.map((slice, i) => p50(slice) - p50(first[i] ?? slice))),
  };
}
