// @ts-check
// The size from which zero copy is worth it: the measurement of `zerosend bench`, with C
// programs and `zeroCopy: 'auto'` in its rounds.
import { resultsOf } from '../dist/cli/bench/measurements.js';
import { measureHere } from '../dist/cli/bench/measuring.js';
import { recommend } from '../dist/cli/bench/recommendation.js';
import { resultTable } from '../dist/cli/bench/report.js';
import { moved } from './report.mjs';
import { CorrectnessError, RefusedError } from './sender-process.mjs';

/** How many times as long the whole takes as all turns of one program in other contests. */
const TIMES = 48;

/**
 * A C program with as many buffers, which it uses as the library does here. @param {string} cSender
 */
const program = (cSender) => [
  ...[cSender, '--protocol', '{protocol}', '--address', '{address}', '--port', '{port}'],
  ...['--size', '{size}', '--buffers', '{buffers}', '--segment', '{segment}', '--sendto'],
];

/** What is measured. @param {import('./contests.mjs').Setting} setting */
export const assignmentOf = ({ cSender, quick, rounds, seconds }) => ({
  destination: { kind: /** @type {const} */ ('sink') },
  ...{ quick, seconds: TIMES * rounds * seconds, sizes: undefined, segment: 1400 },
  mechanisms: /** @type {const} */ (['udp', 'tcp', 'ring']),
  auto: true,
  programs: { c: program(cSender), 'c-copy': [...program(cSender), '--copy'] },
});

const REMARK =
  'Gbit/s that a busy processor would send, by the CPU time of the whole process (8 divided by it are the\n' +
  'CPU seconds of a gigabyte); what zero copy gains over copying is the median of rounds, with the interval\n' +
  'that holds it with 95 %.';

/** @type {import('./contests.mjs').Contest} */
export const breakEven = {
  name: 'break-even',
  title:
    'from which size on zero copy pays: hot and cold buffers, copying, zero copy, auto, C, node',
  sink: true,
  async run(setting) {
    const nobody = { signal: new AbortController().signal, onBegin() {}, onProgress() {} };
    const outcome = await measureHere(assignmentOf(setting), nobody);
    if ('unavailable' in outcome) throw new RefusedError(outcome.unavailable);
    const { groups, path, plan, error } = outcome;
    if (error !== undefined) throw new CorrectnessError(error);
    const slices = groups.flatMap((group) => Object.values(group.slices).flat());
    const failed = slices.reduce((sum, slice) => sum + slice.failed, 0);
    if (failed > 0) throw new CorrectnessError(`break-even: ${failed} sends have failed`);
    const results = resultsOf(groups);
    const { thresholds } = recommend(results, []);
    const undecided = results.flatMap(({ way, gain, protocol, size, memory }) => {
      if (way !== 'zerocopy' || gain === null || gain.low > 1 || gain.high < 1) return [];
      const interval = `${gain.median.toFixed(2)} [${gain.low.toFixed(2)}, ${gain.high.toFixed(2)}]`;
      return `${protocol}, ${size} B, ${memory}: zero copy / copying ${interval}`;
    });
    return { path, plan, results, thresholds, undecided };
  },
  table({ results, thresholds, path }) {
    const plain = { dim: String, green: String };
    const tables = /** @type {const} */ (['udp', 'tcp']).map((protocol) => {
      /** @type {import('../dist/cli/bench/measurements.js').Result[]} */
      const own = results.filter(
        (/** @type {{ protocol: string }} */ r) => r.protocol === protocol,
      );
      const { hot, cold } = thresholds[protocol] ?? { hot: null, cold: null };
      const from = [hot, cold].map((bytes) =>
        bytes === null ? 'nowhere for certain' : `${bytes} B`,
      );
      return [
        `${protocol}: ${path.ways[protocol]}`,
        ...resultTable(protocol, own, plain),
        `zero copy pays from: hot ${from[0]}, cold ${from[1]}`,
      ].join('\n');
    });
    return moved([...tables, REMARK].join('\n'));
  },
};
