import { writeFileSync } from 'node:fs';
import { isIP, isIPv4 } from 'node:net';
import { cpus, release } from 'node:os';
import { defineCommand, EXIT, type ExitCode, type Invocation } from '../base/command.js';
import {
  bytes,
  choices,
  flag,
  type OptionSpec,
  seconds,
  text,
  UsageError,
} from '../base/options.js';
import { seriesOf } from './chart.js';
import { resultsOf, trialResultsOf } from './measurements.js';
import { type Measured, measureHere } from './measuring.js';
import type { Destination } from './messages.js';
import type { PlannedGroup } from './plan.js';
import { recommend } from './recommendation.js';
import { type BenchReport, printReport } from './report.js';
import { svgChart } from './svg-chart.js';

const QUICK_SECONDS = 10;
const FULL_SECONDS = 120;
const SIZE = bytes('', { default: undefined, min: 64, max: 2 ** 24 });

const sizes: OptionSpec<readonly number[] | undefined> = {
  help: 'bytes of one send, separated by commas, such as 1K,16K,64K',
  placeholder: 'LIST',
  default: undefined,
  shown: '1K to 64K over UDP, to 1M over TCP',
  read: (given) =>
    [...new Set(given.split(',').map((one) => SIZE.read?.(one) ?? 0))].sort((a, b) => a - b),
};

const options = {
  quick: flag(`takes about ${QUICK_SECONDS} seconds, with fewer sizes and rounds`),
  seconds: seconds('how long to measure, about', {
    default: undefined,
    shown: `${FULL_SECONDS}s, or ${QUICK_SECONDS}s with --quick`,
    min: 0.1,
    max: 3600,
  }),
  mechanisms: choices('what to measure', ['udp', 'tcp', 'ring'], {
    default: ['udp', 'tcp', 'ring'],
  }),
  sizes,
  segment: bytes('datagrams that UDP sends are cut into (UDP_SEGMENT)', {
    default: 1400,
    min: 64,
    max: 65_507,
  }),
  to: text(
    'sends there instead of into a network of its own; TCP wants a port that reads and drops',
    {
      placeholder: 'ADDRESS[:PORT]',
      default: undefined,
    },
  ),
  interface: text('sends by this interface, with --to', {
    placeholder: 'NAME',
    default: undefined,
  }),
  mac: text("Ethernet address of the next hop, for the ring's frames, with --to and --interface", {
    placeholder: 'MAC',
    default: undefined,
  }),
  loopback: flag('sends over loopback, where the kernel copies: what asking costs there'),
  svg: text('writes the chart there, as SVG', { placeholder: 'FILE', default: undefined }),
};

export const command = defineCommand({
  name: 'bench',
  summary: 'measure where zero copy begins to pay on this machine, and recommend settings',
  about: `
Measures where zero copy begins to pay on this machine: MSG_ZEROCOPY over UDP and TCP and the transmit
ring, against copying by the same sockets and against node:dgram and node:net, for sizes from 1 KB on, and
for buffers that the processor's caches hold (hot: just written) and that they do not (cold). All take
turns, and figures are medians with intervals. It ends with the options to write into a program.

It sends into a network namespace of its own, where an interface drops all and copies nothing, so nothing
leaves this machine. Where that is not allowed it sends over loopback, which copies, and says so. With
--to it sends as fast as it can to an address of yours: do that only in a network that you may flood.`,
  options,
  examples: [
    ['zerosend bench --quick', 'a first answer in about ten seconds'],
    ['zerosend bench --svg chart.svg', 'the full measurement, and its chart as a file'],
    [
      'zerosend bench --mechanisms udp --sizes 2K,4K,8K',
      'a closer look at where UDP begins to gain',
    ],
    [
      'zerosend bench --quick --json > bench.json',
      'for programs: every figure, and the recommendation',
    ],
  ],
  exitCodes: {
    [EXIT.FAILED]: 'sends have failed, or the measurement has broken off: no figure can be trusted',
    [EXIT.UNAVAILABLE]: 'nothing could be measured here; the message says why',
  },
  run,
});

async function run(invocation: Invocation<typeof options>): Promise<ExitCode> {
  const { options: given, json, terminal, signal } = invocation;
  const destination = destinationOf(given);
  const quick = given.quick;
  const total = given.seconds ?? (quick ? QUICK_SECONDS : FULL_SECONDS);
  const assignment = {
    destination,
    quick,
    seconds: total,
    sizes: given.sizes,
    mechanisms: given.mechanisms,
    segment: given.segment,
  };
  const progress = terminal.progress(json);
  const started = performance.now();
  const outcome = await measureHere(assignment, {
    signal,
    onBegin: () => {},
    onProgress(share, what) {
      const spent = (performance.now() - started) / 1000;
      const left = share < 0.1 ? total - spent : spent * (1 / share - 1); // opening takes a moment, too
      const line = `measured ${Math.floor(share * 100)} % · ${what} · about ${Math.max(1, Math.ceil(left))} s left`;
      progress.show([`${bar(share)} ${line}`], line);
    },
  });
  progress.clear();
  if ('unavailable' in outcome) {
    terminal.note(`zerosend: nothing could be measured: ${outcome.unavailable}`);
    return EXIT.UNAVAILABLE;
  }
  const report = reportOf(outcome, signal.aborted);
  if (json) terminal.printJson(report);
  else printReport(report, terminal);
  if (given.svg !== undefined) {
    const written = writeChart(given.svg, report);
    terminal.note(written ? `the chart is in ${given.svg}` : NO_CHART);
  }
  return verdict(outcome, report, invocation);
}

function verdict(
  { groups, trials }: Measured,
  { error, complete, results }: BenchReport,
  { terminal, signal }: Invocation<typeof options>,
): ExitCode {
  if (error !== null) {
    terminal.note(`zerosend: the measurement has broken off: ${error}`);
    return EXIT.FAILED;
  }
  const all = [
    ...groups.flatMap(({ slices }) => Object.values(slices)),
    ...trials.map((t) => t.slices),
  ];
  const failed = all.flat().reduce((sum, slice) => sum + slice.failed, 0);
  if (failed > 0) {
    terminal.note(`zerosend: ${failed} sends have failed: the figures are not to be trusted`);
    return EXIT.FAILED;
  }
  if (!complete && signal.aborted)
    terminal.note('zerosend: interrupted; this is what was measured until then');
  else if (results.length === 0) {
    terminal.note('zerosend: no size fits: give others with --sizes');
    return EXIT.UNAVAILABLE;
  }
  return EXIT.OK;
}

function reportOf(measured: Measured, interrupted: boolean): BenchReport {
  const { path, plan, groups, trials, withoutSink, error } = measured;
  const results = resultsOf(groups);
  const trialResults = trialResultsOf(trials);
  const isMissing = ({ protocol, size, memory }: PlannedGroup) =>
    !groups.some((g) => g.protocol === protocol && g.size === size && g.memory === memory);
  const cutShort = interrupted ? plan.groups.filter(isMissing).map(({ protocol }) => protocol) : [];
  const processors = cpus();
  return {
    command: 'bench',
    complete: error === undefined && !interrupted,
    error: error ?? null,
    machine: {
      kernel: release(),
      architecture: process.arch,
      processor: processors[0]?.model.trim() || 'processor',
      processors: processors.length,
      node: process.versions.node,
    },
    path: { ...path, withoutSink: withoutSink ?? null },
    plan: { rounds: plan.rounds, sliceSeconds: plan.sliceSeconds },
    results,
    trials: trialResults,
    recommendation: recommend(results, trialResults, [...new Set(cutShort)]),
  };
}

const NO_CHART = 'zerosend: there is no chart: nothing was compared with copying';

/** @returns whether there is anything to draw */
function writeChart(file: string, { results, machine, path }: BenchReport): boolean {
  const series = seriesOf(results);
  if (series.length === 0) return false;
  const where = { sink: 'into a sink', loopback: 'over loopback', named: 'to a named address' };
  const subtitle = `${machine.processor}, Linux ${machine.kernel}, ${where[path.kind]}`;
  writeFileSync(file, svgChart(series, subtitle));
  return true;
}

function destinationOf(given: Invocation<typeof options>['options']): Destination {
  const { to, interface: name, mac, loopback } = given;
  if (to === undefined) {
    if (name !== undefined) throw new UsageError('--interface needs --to: where to send');
    if (mac !== undefined) throw new UsageError('--mac needs --to and --interface');
    return { kind: loopback ? 'loopback' : 'sink' };
  }
  if (loopback) throw new UsageError('--loopback and --to exclude each other');
  const [address, port] = endpointOf(to);
  if (mac !== undefined) {
    if (!/^([\da-f]{2}:){5}[\da-f]{2}$/i.test(mac)) {
      throw new UsageError(`--mac has to be like 02:00:00:00:00:01; received '${mac}'`);
    }
    if (name === undefined || !isIPv4(address)) {
      throw new UsageError('--mac needs --interface, and an IPv4 address in --to');
    }
  }
  return { kind: 'named', address, port, interface: name, mac };
}

/** '198.18.0.2', '198.18.0.2:9', 'fe80::1%eth0', '[fe80::1%eth0]:9' */
function endpointOf(to: string): [address: string, port: number | undefined] {
  const bracketed = /^\[([^\]]+)\](?::(\d+))?$/.exec(to);
  const plain = isIP(to) > 0 ? [to, to, undefined] : /^([^:]+):(\d+)$/.exec(to);
  const [, address = '', digits] = bracketed ?? plain ?? [];
  const port = digits === undefined ? undefined : Number(digits);
  const fits = port === undefined || (port >= 1 && port <= 65_535);
  if (isIP(address) > 0 && fits) return [address, port];
  throw new UsageError(`--to has to be an address, or ADDRESS:PORT; received '${to}'`);
}

function bar(share: number): string {
  const filled = Math.round(share * 24);
  return `${'█'.repeat(filled)}${'░'.repeat(24 - filled)}`;
}
