// @ts-check
// npm run bench: the library against C, node:dgram and node:net. See --help.
//
// Exits with 1 when a program lost or invented a completion or the kernel copied where it must not,
// never because of a figure: noise is not a defect.
import { createRig, RigUnavailableError } from '../rig/index.mjs';
import { compileSender } from './compile.mjs';
import { contests } from './contests.mjs';
import { describeMachine, machineText } from './machine.mjs';
import { parseOptions, USAGE } from './options.mjs';
import { CorrectnessError, RefusedError } from './sender-process.mjs';

/** @typedef {import('./options.mjs').BenchOptions} BenchOptions */

/** A namespace with a sink, or the reason why none can be made. */
async function setUp() {
  try {
    return { rig: await createRig('sink', { sysctls: SYSCTLS }), reason: null };
  } catch (error) {
    if (!(error instanceof RigUnavailableError)) throw error;
    return { rig: null, reason: error.reason };
  }
}

/**
 * Frames of the patch contest arrive on loopback from a foreign address. Source validation, whose
 * setting a namespace inherits from the machine, would drop them.
 */
const SYSCTLS = { 'net.ipv4.conf.all.rp_filter': 0, 'net.ipv4.conf.lo.rp_filter': 0 };

/** @param {BenchOptions} options @returns {Promise<void>} */
async function bench(options) {
  const say = (/** @type {string} */ text) => {
    if (!options.json) console.log(`${text}\n`);
  };
  const chosen = contests.filter(({ name }) => options.only.test(name));
  if (chosen.length === 0) throw new RangeError(`--only: nothing is called ${options.only}`);
  const machine = describeMachine();
  const { rounds, seconds, quick } = options;
  const cSender = await compileSender();
  const { rig, reason } = await setUp();
  const started = performance.now();
  try {
    say(
      `${machineText(machine)}\n` +
        `${rounds} rounds of ${seconds} s for each program, taking turns; medians, and the quartiles ` +
        'beside them.\nThe ratio is that of bytes a second to the first program, round by round: the ' +
        "mean and its 95 %\ninterval. 'by CPU' is that of bytes a CPU second of the process, 'thread' " +
        'the CPU time of the\nthread that sends. 1 GB is 10^9 bytes.',
    );
    /** @type {{ name: string, reason: string }[]} */
    const leftOut = [];
    /** @type {({ name: string, title: string, took: number } & import('./contests.mjs').Outcome)[]} */
    const done = [];
    for (const { name, title, sink, run, table } of chosen) {
      if (sink && rig === null) {
        leftOut.push({ name, reason: reason ?? '' });
        say(`${name}: left out, it needs an interface that does not copy: ${reason}`);
        continue;
      }
      const begun = performance.now();
      const outcome = await run({ cSender, rig, rounds, seconds, quick }).catch((error) => {
        if (!(error instanceof RefusedError)) throw error;
        leftOut.push({ name, reason: error.message });
        say(`${name}: left out: ${error.message}`);
      });
      if (outcome === undefined) continue;
      done.push({ name, title, took: (performance.now() - begun) / 1000, ...outcome });
      const without = (outcome.leftOut ?? []).map((one) => `\n  left out: ${one.reason}`);
      say(`${name}: ${title}\n${table(outcome)}${without.join('')}`);
    }
    const undecided = done.flatMap(({ name, undecided = [] }) =>
      undecided.map((what) => `${name}: ${what}`),
    );
    if (undecided.length > 0) {
      say(`Undecided, since an interval reaches across:\n  ${undecided.join('\n  ')}`);
    }
    const took = (performance.now() - started) / 1000;
    say(`${took.toFixed(0)} s`);
    if (options.json) {
      const settings = { rounds, seconds, quick, took };
      console.log(JSON.stringify({ machine, ...settings, contests: done, leftOut, undecided }));
    }
  } finally {
    await rig?.dispose();
  }
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === null) console.log(USAGE);
  else await bench(options);
} catch (error) {
  const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
  const usage = error instanceof RangeError || code?.startsWith('ERR_PARSE_ARGS');
  if (!usage && !(error instanceof CorrectnessError)) throw error;
  console.error(usage ? `${message}\n\n${USAGE}` : `not correct: ${message}`);
  process.exitCode = usage ? 2 : 1;
}
