// @ts-check
// npm run bench: the library against C, node:dgram and node:net. See --help.
//
// Exits with 1 when a program lost or invented a completion or the kernel copied where it must not,
// never because of a figure: noise is not a defect.
import { once } from 'node:events';
import { cpus, loadavg, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { createRig, RigUnavailableError, startReceiver } from '../rig/index.mjs';
import { compileSender } from './compile.mjs';
import { contests } from './contests.mjs';
import { parseOptions, USAGE } from './options.mjs';
import { contestTable, smallTable } from './report.mjs';
import { runContest } from './run-contest.mjs';
import { CorrectnessError, RefusedError, spawnIn } from './sender-process.mjs';

/**
 * @typedef {import('./options.mjs').BenchOptions} BenchOptions
 * @typedef {import('../rig/index.mjs').Rig} Rig
 */

const SMALL = fileURLToPath(new URL('./small.mjs', import.meta.url));

/** A namespace of our own with a sink, or the reason why there is none. */
async function setUp() {
  try {
    return { rig: await createRig('sink'), reason: null };
  } catch (error) {
    if (!(error instanceof RigUnavailableError)) throw error;
    return { rig: null, reason: error.reason };
  }
}

/** @param {BenchOptions} options @param {Rig | null} rig @returns {Promise<import('./small.mjs').SmallResult[]>} */
async function runSmall({ only, quick }, rig) {
  const receiver = rig ? null : await startReceiver({ protocol: 'udp', discard: true });
  try {
    const address = rig?.receiverAddress.v4 ?? '127.0.0.1';
    const destination = ['--address', address, '--port', String(receiver?.port ?? 9)];
    const time = ['--milliseconds', quick ? '300' : '1500'];
    const filter = ['--only', only.test('small') ? '' : only.source];
    const args = [SMALL, ...destination, ...time, ...filter];
    const child = spawnIn(rig?.sender ?? null, process.execPath, args);
    let output = '';
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
    const [code, signal] = await once(child, 'close');
    if (code !== 0) throw new CorrectnessError(`bench/small.mjs ended with ${signal ?? code}`);
    return JSON.parse(output);
  } finally {
    await receiver?.stop();
  }
}

/** @param {BenchOptions} options @returns {Promise<void>} */
async function bench(options) {
  const say = (/** @type {string} */ text) => {
    if (!options.json) console.log(`${text}\n`);
  };
  const machine = {
    node: process.version,
    linux: release(),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    load: loadavg()[0] ?? 0,
  };
  const { rounds, seconds } = options;
  const cSender = await compileSender();
  const { rig, reason } = await setUp();
  try {
    say(
      `Node ${machine.node}, Linux ${machine.linux}, ${machine.cores} x ${machine.cpu}, ` +
        `load ${machine.load.toFixed(2)}\n` +
        `${rounds} rounds of ${seconds} s for each program, taking turns; medians, and the quartiles ` +
        'beside them.\nThe ratio is that of bytes a second to the first program, round by round; ' +
        "'by CPU' is that of\nbytes a CPU second of the process. 1 GB is 10^9 bytes.",
    );
    /** @type {{ name: string, reason: string }[]} */
    const leftOut = [];
    /** @typedef {Awaited<ReturnType<typeof runContest>>} Outcome */
    /** @type {({ name: string, title: string } & Outcome)[]} */
    const done = [];
    for (const contest of contests.filter(({ name }) => options.only.test(name))) {
      const { name, title } = contest;
      if (contest.path === 'sink' && reason !== null) {
        leftOut.push({ name, reason });
        say(`${name}: left out, it needs an interface that does not copy: ${reason}`);
        continue;
      }
      const outcome = await runContest(contest, { cSender, rig, rounds, seconds }).catch(
        (error) => {
          if (!(error instanceof RefusedError)) throw error;
          leftOut.push({ name, reason: error.message });
          say(`${name}: left out: ${error.message}`);
        },
      );
      if (outcome === undefined) continue;
      done.push({ name, title, ...outcome });
      say(contestTable(contest, outcome.results, outcome.goals));
    }
    const small = await runSmall(options, rig);
    if (small.length > 0) say(smallTable(small));
    if (done.length + leftOut.length + small.length === 0) {
      throw new RangeError(`--only: nothing is called ${options.only}`);
    }
    if (options.json) {
      console.log(JSON.stringify({ machine, rounds, seconds, contests: done, leftOut, small }));
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
