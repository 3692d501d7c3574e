import { buffer } from 'node:stream/consumers';
import { readCaptureInTurns } from '../../generator/captures/capture.js';
import {
  type Capture,
  type ReplayOptions,
  type ReplayReport,
  type Rewrite,
  replay,
} from '../../generator/index.js';
import type { ZeroCopySocket } from '../../index.js';
import { defineCommand, EXIT, type ExitCode, type Invocation } from '../base/command.js';
import { asUsageError, type Capability, unavailable } from '../base/failures.js';
import { count } from '../base/format.js';
import { UsageError } from '../base/options.js';
import { perSecond } from '../base/rate.js';
import { Monitor } from '../live/monitor.js';
import { lastReading, readingOf } from '../live/reading.js';
import { printEnding } from '../live/report.js';
import type { Target } from '../live/snapshot.js';
import { showRun } from '../live/table.js';
import { endpointText } from '../send/addresses.js';
import { watchRun } from '../web/watch.js';
import { OPTIONS, type ReplayCommandOptions } from './options.js';
import { measure, openFor } from './socket.js';

const CAPABILITY: Capability = {
  name: 'NET_RAW',
  tryBy: 'zerosend replay capture.pcap --packet zsx0',
};
const LOOK = 100; // ms
const SOONEST = 10; // ms, of what the generator takes
const WIRE = 24; // bytes of a frame that are not in the capture: preamble, FCS, gap

export const command = defineCommand({
  name: 'replay',
  summary: 'send a capture again: pcap or pcapng, at its own speed or another',
  about: `
Sends the frames of a capture (pcap, pcapng) through an interface: as they were captured, faster, slower,
at a rate or as fast as they go, once or many times. Addresses and ports can be changed, and checksums are
kept right. What cannot be sent is left out and listed with the reason. Ctrl-C ends it with the report.
CAPTURE is a file, or - for standard input.`,
  positionals: 'CAPTURE',
  options: OPTIONS,
  examples: [
    ['zerosend replay capture.pcap --packet eth0', 'as it was captured'],
    ['zerosend replay capture.pcap --packet eth0 --speed 10 --loops 3', 'ten times as fast'],
    ['zerosend replay capture.pcap --xdp eth0 --rate 250k --loops forever', 'at a rate, on and on'],
    [
      'zerosend replay capture.pcap --packet eth0 --destination-mac 02:00:00:00:00:02 --rewrite-address 10.0.0.0/8=198.0.0.0/8',
      'to another host of another network; the report says which addresses it did not reach',
    ],
    [
      'zerosend replay capture.pcap --udp 127.0.0.1:9 --speed max',
      'UDP payloads, without privilege',
    ],
  ],
  exitCodes: {
    [EXIT.FAILED]: 'sends have failed or have not completed, or an error ended the replay',
    [EXIT.USAGE]: 'the command line or the capture is wrong; nothing was sent',
  },
  run,
});

async function run(invocation: Invocation<typeof OPTIONS>): Promise<ExitCode> {
  const { options, positionals, terminal, json } = invocation;
  const path = checkCombination(options, positionals);
  const capture = await read(path);
  const size = await measure(capture);
  const monitor = new Monitor(targetOf(options, path, size.frames));
  const capability = options.udp === undefined ? CAPABILITY : null;
  await using _page = await watchRun(monitor, options, terminal);
  let socket: ZeroCopySocket;
  try {
    socket = await openFor(options, size);
  } catch (error) {
    return unavailable(asUsageError(error), invocation, 'replay', capability);
  }
  const progress = terminal.progress(json);
  showRun(monitor, terminal, progress);
  let error: Error | null = null;
  const report = await send(invocation, socket, capture, monitor).catch((failure: Failure) => {
    error = failure;
    return failure.report;
  });
  const stats = socket.stats();
  await (socket.inFlight > 0 ? socket.abort() : socket.close());
  if (report === undefined) {
    progress.clear();
    return unavailable(aboutCapture(error, path), invocation, 'replay', capability);
  }
  monitor.end(lastReading(report, monitor.latest));
  return printEnding({ target: monitor.target, report, error, stats }, terminal, json);
}

type Failure = Error & { report?: ReplayReport };

/** @throws rejects as `replay` does */
async function send(
  { options, signal }: Invocation<typeof OPTIONS>,
  socket: ZeroCopySocket,
  capture: Capture,
  monitor: Monitor,
): Promise<ReplayReport> {
  const { seconds } = options;
  const inTime = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  try {
    const report = await replay({
      ...replayOptions(options),
      socket,
      capture,
      signal: AbortSignal.any([signal, inTime.signal]),
      onProgress: (progress) => {
        // The time begins with the first frame: a large capture takes a while to be made ready.
        if (seconds !== undefined) {
          timer ??= setTimeout(() => inTime.abort(), (seconds - progress.seconds) * 1e3);
        }
        monitor.look(() => readingOf(progress));
      },
      progressInterval: Math.min(LOOK, Math.max(SOONEST, (seconds ?? 1) * 500)),
    });
    const timely = report.ended === 'signal' && !signal.aborted;
    return timely ? { ...report, ended: 'seconds' } : report;
  } finally {
    clearTimeout(timer);
  }
}

function replayOptions(options: ReplayCommandOptions): Omit<ReplayOptions, 'socket' | 'capture'> {
  const { rate, speed, loops, snapped, segmentation, udp } = options;
  const { 'loop-gap': loopGap, 'max-gap': maxGap } = options;
  const wire = rate !== undefined && 'bits' in rate && udp === undefined && { overhead: WIRE };
  return {
    ...(rate === undefined ? { speed } : { rate: { ...rate, ...wire } }),
    loops,
    ...(loopGap === undefined ? {} : { loopGap: loopGap * 1e3 }),
    ...(maxGap === undefined ? {} : { maxGap: maxGap * 1e3 }),
    rewrite: rewriteOf(options),
    snapped,
    virtioNetHeader: segmentation,
  };
}

function rewriteOf(options: ReplayCommandOptions): Rewrite {
  const source = options['source-mac'];
  const destination = options['destination-mac'];
  const ports = options['rewrite-port'].map(([from, to]) => [from, portOf(to)]);
  return {
    ethernet: {
      ...(source === undefined ? {} : { source }),
      ...(destination === undefined ? {} : { destination }),
    },
    addresses: Object.fromEntries(options['rewrite-address']),
    ports: Object.fromEntries(ports),
    checksums: options.checksums,
  };
}

function portOf(text: string): number {
  if (/^\d+$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new UsageError(`--rewrite-port takes ports from 0 to 65535; received '${text}'`);
}

async function read(path: string): Promise<Capture> {
  try {
    return await readCaptureInTurns(path === '-' ? await buffer(process.stdin) : path);
  } catch (error) {
    throw new UsageError(`CAPTURE: ${(error as Error).message}; received '${path}'`);
  }
}

/** A capture of which nothing can be sent is as wrong as one that cannot be read. */
function aboutCapture(error: unknown, path: string): unknown {
  const { code, message } = error as Error & { code?: unknown };
  if (code !== 'ERR_ZEROSEND_CAPTURE') return asUsageError(error);
  return new UsageError(`CAPTURE: ${message}; received '${path}'`);
}

/** @returns the path of the capture */
function checkCombination(options: ReplayCommandOptions, positionals: readonly string[]): string {
  const { packet, xdp, udp, rate, speed, segmentation } = options;
  const [path, stray] = positionals;
  if (path === undefined || stray !== undefined) {
    throw new UsageError(`takes one CAPTURE; received ${count(positionals.length)}`);
  }
  const ways = [packet, xdp, udp].filter((way) => way !== undefined);
  if (ways.length !== 1) throw new UsageError('takes one of --packet, --xdp and --udp');
  if (udp !== undefined && !udp.port) throw new UsageError('--udp has to be HOST:PORT');
  if (rate !== undefined && (speed !== 1 || options['max-gap'] !== undefined)) {
    throw new UsageError('--rate takes the place of --speed and --max-gap');
  }
  const bypass = options['qdisc-bypass'];
  if ((segmentation || bypass) && packet === undefined) {
    throw new UsageError(`--${bypass ? 'qdisc-bypass' : 'segmentation'} is for --packet`);
  }
  return path;
}

function targetOf(options: ReplayCommandOptions, path: string, frames: number): Target {
  const { packet, xdp, udp, rate, seconds } = options;
  const where =
    udp !== undefined
      ? `to ${endpointText(udp.address, udp.port ?? 0)} (UDP)`
      : xdp !== undefined
        ? `through ${xdp} (AF_XDP)`
        : `through ${packet} (transmit ring)`;
  return {
    command: 'replay',
    title: `${count(frames)} frames of ${path} ${where}`,
    seconds: seconds ?? null,
    packets: null,
    rate: perSecond(rate),
    workers: 1,
  };
}
