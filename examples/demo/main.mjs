// @ts-check
// npm start: sends over UDP and TCP with MSG_ZEROCOPY, checks every byte and every id, prints a
// table. This file is the order of events; each other one has a job of its own.
import { release } from 'node:os';
import { runLoopback } from './loopback.mjs';
import { OptionError, parseOptions, USAGE } from './options.mjs';
import { Progress } from './progress.mjs';
import { summaryOf } from './report.mjs';
import { failedResult } from './result.mjs';
import { runSink } from './sink.mjs';
import { startWatchdog } from './watchdog.mjs';

const GRACE = 25; // seconds that a transport may take beyond its sending

/** @typedef {import('./options.mjs').DemoOptions} DemoOptions */
/** @typedef {import('./result.mjs').Result} Result */

/** @param {string[]} args @returns {DemoOptions} */
function optionsFrom(args) {
  try {
    const options = parseOptions(args);
    if (options !== null) return options;
    console.log(USAGE);
    process.exit(0);
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    console.error(`${error.message}\n'npm start -- --help' lists the options`);
    process.exit(2);
  }
}

/** The first Ctrl-C ends what is running and prints the table so far; the second ends at once. */
function endOnSignal() {
  const end = new AbortController();
  const onSignal = () => {
    if (end.signal.aborted) process.exit(130);
    end.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return end.signal;
}

/** Resolves with `late` where `running` takes too long. @template T @param {Promise<T>} running @param {number} seconds @param {T} late */
async function within(running, seconds, late) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  /** @type {Promise<T>} */
  const timeout = new Promise((resolve) => {
    timer = setTimeout(() => resolve(late), seconds * 1e3);
  });
  const outcome = await Promise.race([running, timeout]);
  clearTimeout(timer);
  return outcome;
}

/** @param {DemoOptions} options @param {AbortSignal} signal */
async function runAll(options, signal) {
  const progress = new Progress(options.json ? process.stderr : process.stdout, options.seconds);
  const watch = progress.watch.bind(progress);
  /** @type {Result[]} */
  const results = [];
  /** @type {string | null} */
  let sinkUnavailable = null;
  let hangs = false;
  for (const transport of options.only) {
    if (signal.aborted || hangs) break;
    const sink = transport === 'sink';
    const limit = options.seconds * (sink ? 2 : 1) + GRACE;
    const late = { results: [failedResult(transport, `not at its end after ${limit} s`)] };
    progress.start(transport);
    const outcome = await within(
      sink
        ? runSink(options, { signal, watch })
        : runLoopback(transport, options, { signal, watch }).then((one) => ({ results: [one] })),
      limit,
      late,
    );
    progress.stop();
    hangs = outcome === late;
    if ('results' in outcome) results.push(...outcome.results);
    else sinkUnavailable = outcome.unavailable;
  }
  return { results, sinkUnavailable, hangs };
}

const options = optionsFrom(process.argv.slice(2));
const signal = endOnSignal();
startWatchdog((options.only.length + 1) * (options.seconds + GRACE), 'the demonstration');
if (!options.json) {
  console.log(
    `zerosend: UDP and TCP with MSG_ZEROCOPY, ${options.seconds} s each, ` +
      `Node ${process.version}, Linux ${release()}, seed ${options.seed}\n`,
  );
}
const { results, sinkUnavailable, hangs } = await runAll(options, signal);
const summary = summaryOf({ results, sinkUnavailable, options, interrupted: signal.aborted });
console.log(options.json ? JSON.stringify(summary.json, null, 2) : summary.text);
process.exitCode = summary.json.ok ? 0 : 1;
if (hangs) process.exit(); // whatever hangs would go on
