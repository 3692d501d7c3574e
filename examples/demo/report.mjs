// @ts-check
// What is said at the end, for people and as JSON.
import { release } from 'node:os';
import { count } from './format.mjs';
import { UNLIMITED } from './options.mjs';
import { table, WHY_COPIED } from './table.mjs';

/**
 * @param {object} run
 * @param {import('./result.mjs').Result[]} run.results
 * @param {string | null} run.sinkUnavailable why there was no sink
 * @param {import('./options.mjs').DemoOptions} run.options
 * @param {boolean} run.interrupted
 */
export function summaryOf({ results, sinkUnavailable, options, interrupted }) {
  const problems = results.flatMap(({ name, problems: some }) =>
    some.map((problem) => `${name}: ${problem}`),
  );
  const ratio = ratioOf(results);
  const json = {
    ok: problems.length === 0 && (results.length > 0 || interrupted),
    interrupted,
    problems,
    node: process.version,
    kernel: release(),
    options: { ...options, count: options.count === UNLIMITED ? null : options.count },
    results,
    sink: { unavailable: sinkUnavailable, zeroCopyToCopy: ratio },
  };
  const lines = [];
  if (results.length > 0) lines.push(table(results), '');
  if (results.some(({ copiedShare }) => copiedShare > 0)) lines.push(WHY_COPIED, '');
  if (ratio !== null) {
    lines.push(
      `Into the sink, zero copy carries ${ratio.toFixed(2)} times as much as copying ` +
        `(${count(options.udpSize)} bytes a send, in turns).`,
      '',
    );
  }
  if (sinkUnavailable !== null) {
    lines.push(`No sink here, where the kernel would not copy: ${sinkUnavailable}`, '');
  }
  if (interrupted) lines.push('Ended early, by a signal.');
  lines.push(...verdict(results, problems, options.seed));
  return { json, text: lines.join('\n') };
}

/** Throughput with zero copy to that without. @param {import('./result.mjs').Result[]} results */
function ratioOf(results) {
  const [zeroCopy, copy] = ['sink', 'sink-copy'].map((wanted) =>
    results.find(({ name, completed }) => name === wanted && completed > 0),
  );
  if (zeroCopy === undefined || copy === undefined) return null;
  return zeroCopy.bitsPerSecond / copy.bitsPerSecond;
}

/** @param {import('./result.mjs').Result[]} results @param {string[]} problems @param {number} seed */
function verdict(results, problems, seed) {
  if (problems.length > 0) {
    return ['NOT RIGHT:', ...problems.map((problem) => `  ${problem}`), `  (--seed ${seed})`];
  }
  if (results.length === 0) return ['Nothing was sent.'];
  const checked = results.some(({ received }) => received !== null);
  return [`Every id completed exactly once${checked ? ', and every byte was right' : ''}.`];
}
