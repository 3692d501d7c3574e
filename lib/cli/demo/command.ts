import { release } from 'node:os';
import { defineCommand, EXIT, type ExitCode, type Invocation } from '../base/command.js';
import type { Progress } from '../base/terminal.js';
import { runLoopback } from './loopback.js';
import { checked, type DemoOptions, OPTIONS, type Transport } from './options.js';
import { startWatchdog } from './processes.js';
import {
  type DemoSnapshot,
  failedResult,
  progressLine,
  type Result,
  summaryOf,
  type Watcher,
} from './report.js';
import { runSink, type SinkOutcome } from './sink.js';

const GRACE = 25; // seconds that a transport may take beyond its sending
const LOOK = 200; // ms

export const command = defineCommand({
  name: 'demo',
  summary: 'send over UDP and TCP with MSG_ZEROCOPY, check every byte and every id',
  about: `
Sends over UDP and TCP with MSG_ZEROCOPY, checks every byte and every id, prints a table. It goes over
loopback to receivers of its own and, where it may make a network namespace, into an interface on which the
kernel does not copy. Ctrl-C ends it early, with the table so far.`,
  options: OPTIONS,
  examples: [
    ['zerosend demo', 'everything, 4 seconds for each transport'],
    ['zerosend demo --only sink --udp-size 28000', 'zero copy against copying, in turns'],
    ['zerosend demo --only tcp,tcp-mix --seconds 10', 'two of them, for longer'],
  ],
  exitCodes: {
    [EXIT.OK]: 'all ids completed once and every byte was right',
    [EXIT.FAILED]: 'not so, or nothing could be sent',
  },
  run,
});

async function run(invocation: Invocation<typeof OPTIONS>): Promise<ExitCode> {
  const { terminal, json, signal } = invocation;
  const options = checked(invocation.options);
  startWatchdog((options.only.length + 1) * (options.seconds + GRACE), 'the demonstration');
  if (!json) {
    terminal.print(
      `zerosend: UDP and TCP with MSG_ZEROCOPY, ${options.seconds} s each, ` +
        `Node ${process.version}, Linux ${release()}, seed ${options.seed}\n`,
    );
  }
  const { hangs, ...finished } = await runAll(options, signal, terminal.progress(json));
  const summary = summaryOf({ ...finished, options, interrupted: signal.aborted });
  if (json) terminal.printJson(summary.json);
  else terminal.print(summary.text);
  const code = summary.json.ok ? EXIT.OK : EXIT.FAILED;
  if (hangs) process.exit(code); // a transport that hangs would keep the process alive
  return code;
}

async function runAll(options: DemoOptions, signal: AbortSignal, progress: Progress) {
  const results: Result[] = [];
  let sinkUnavailable: string | null = null;
  let hangs = false;
  for (const transport of options.only) {
    if (signal.aborted || hangs) break;
    const limit = options.seconds * (transport === 'sink' ? 2 : 1) + GRACE;
    const late = { results: [failedResult(transport, `not at its end after ${limit} s`)] };
    const shown = show(transport, options.seconds, progress);
    const running = start(transport, options, { signal, watch: shown.watch });
    const outcome = await within(running, limit, late);
    shown.stop();
    hangs = outcome === late;
    if ('results' in outcome) results.push(...outcome.results);
    else sinkUnavailable = outcome.unavailable;
  }
  return { results, sinkUnavailable, hangs };
}

async function start(
  transport: Transport,
  options: DemoOptions,
  watcher: Watcher,
): Promise<SinkOutcome> {
  if (transport === 'sink') return runSink(options, watcher);
  return { results: [await runLoopback(transport, options, watcher)] };
}

/** Shows the progress of a transport, once it has called `watch`. */
function show(transport: Transport, seconds: number, progress: Progress) {
  let look: (() => DemoSnapshot) | null = null;
  let name: string = transport;
  const timer = setInterval(() => {
    if (look === null) return;
    const line = progressLine(name, seconds, look());
    progress.show([line], line);
  }, LOOK);
  return {
    watch(snapshot: () => DemoSnapshot, other: string = transport) {
      look = snapshot;
      name = other;
    },
    stop() {
      clearInterval(timer);
      progress.clear();
    },
  };
}

/** Resolves with `late` where `running` takes too long. */
async function within<T>(running: Promise<T>, seconds: number, late: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<T>((resolve) => {
    timer = setTimeout(() => resolve(late), seconds * 1e3);
  });
  const outcome = await Promise.race([running, timeout]);
  clearTimeout(timer);
  return outcome;
}
