import { stat } from 'node:fs/promises';
import { readCaptureInTurns } from '../../generator/captures/capture.js';
import { openPipe, wholeOf } from '../../generator/captures/chunks.js';
import {
  type Capture,
  type CaptureReader,
  openCapture,
  type Rate,
  type ReplayReport,
  replay,
  replayInWorkers,
} from '../../generator/index.js';
import type { ZeroCopySocket } from '../../index.js';
import { defineCommand, EXIT, type ExitCode, type Invocation } from '../base/command.js';
import { asUsageError, type Capability, unavailable } from '../base/failures.js';
import { count } from '../base/format.js';
import { UsageError } from '../base/options.js';
import { perSecond } from '../base/rate.js';
import { Monitor } from '../live/monitor.js';
import { lastReading, readingOf } from '../live/reading.js';
import { printEnding, printNothingSent } from '../live/report.js';
import type { Target } from '../live/snapshot.js';
import { showRun } from '../live/table.js';
import { endpointText } from '../send/addresses.js';
import { watchRun } from '../web/watch.js';
import { checkCombination } from './combinations.js';
import { OPTIONS, type ReplayCommandOptions } from './options.js';
import { rewriteOf, serverRewriteOf } from './rewrite.js';
import { measure, openSocket, type Size, sizeOfStream, specOf } from './socket.js';

const CAPABILITY: Capability = {
  name: 'NET_RAW',
  tryBy: 'zerosend replay capture.pcap --packet zsx0',
};
const LOOK = 100; // ms
const SOONEST = 10; // ms; the shortest interval that the generator takes
const LOADED = 2 ** 30; // bytes; a larger file is read while it is sent
const WIRE = 24; // bytes of a frame that are not in the capture: preamble, FCS, gap

export const command = defineCommand({
  name: 'replay',
  summary: 'send a capture again: pcap or pcapng, at its own speed or another',
  about: `
Sends the frames of a capture (pcap, pcapng, also by gzip or zstd) through an interface: as they were
captured, faster, slower, at a rate or as fast as they go, once or many times; or through two, one for
clients and one for servers. Addresses, ports and VLAN tags can be changed, and checksums are kept right.
What cannot be sent is left out and listed with the reason. Ctrl-C ends it with the report. CAPTURE is a
file, or - for standard input.`,
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
      'zerosend replay capture.pcapng.gz --packet eth0 --server eth1',
      'what clients sent through one interface, what servers sent through another',
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
  const { options, positionals, terminal, json, signal } = invocation;
  const path = checkCombination(options, positionals);
  const opened = await open(options, path, signal);
  if (opened === null) return printNothingSent(invocation, targetOf(options, path, null));
  const { capture, size, content } = opened;
  const monitor = new Monitor(targetOf(options, path, size.frames));
  const capability = options.udp === undefined ? CAPABILITY : null;
  await using _page = await watchRun(monitor, options, terminal);
  const sockets: ZeroCopySocket[] = [];
  try {
    // Workers open sockets of their own. One is opened here as well, to find out what the system
    // does not allow.
    sockets.push(await openSocket(specOf(options, size)));
    if (options.server !== undefined) sockets.push(await openSocket(specOf(options, size, true)));
    if (options.workers > 1) for (const socket of sockets.splice(0)) await socket.close();
  } catch (error) {
    for (const socket of sockets) await socket.close();
    return unavailable(asUsageError(error), invocation, 'replay', capability);
  }
  const progress = terminal.progress(json);
  showRun(monitor, terminal, progress);
  let error: Error | null = null;
  const sent =
    options.workers > 1
      ? sendInWorkers(invocation, size, content, monitor)
      : send(invocation, sockets, capture, monitor);
  const report = await sent.catch((failure: Failure) => {
    error = failure;
    return failure.report;
  });
  const stats = sockets[0]?.stats() ?? null;
  for (const socket of sockets) await (socket.inFlight > 0 ? socket.abort() : socket.close());
  if (report === undefined || (report.sends === 0 && isAboutCapture(error))) {
    progress.clear();
    return unavailable(aboutCapture(error, path), invocation, 'replay', capability);
  }
  monitor.end(lastReading(report, monitor.latest));
  return printEnding({ target: monitor.target, report, error, stats }, terminal, json);
}

type Failure = Error & { report?: ReplayReport };

/** @throws rejects as `replay` does */
function send(
  { options, signal }: Invocation<typeof OPTIONS>,
  [socket, second]: readonly ZeroCopySocket[],
  capture: Capture | CaptureReader,
  monitor: Monitor,
): Promise<ReplayReport> {
  return replay({
    ...replayOptions(options),
    socket: socket as ZeroCopySocket,
    ...(second && { server: { socket: second, ...serverOptions(options) } }),
    capture,
    signal,
    onProgress: (progress) => monitor.look(() => readingOf(progress)),
  });
}

/** @throws rejects as `replayInWorkers` does */
function sendInWorkers(
  { options, signal }: Invocation<typeof OPTIONS>,
  size: Size,
  capture: string | Uint8Array,
  monitor: Monitor,
): Promise<ReplayReport> {
  const { workers, server } = options;
  return replayInWorkers({
    ...replayOptions(options),
    socket: specOf(options, size),
    ...(server !== undefined && {
      server: { socket: specOf(options, size, true), ...serverOptions(options) },
    }),
    capture,
    stream: size.frames === null,
    workers,
    signal,
    onProgress: (progress) => monitor.look(() => readingOf(progress)),
  });
}

function serverOptions(options: ReplayCommandOptions) {
  const { split } = options;
  const rewrite = serverRewriteOf(options);
  return { ...(split !== undefined && { split }), ...(rewrite !== undefined && { rewrite }) };
}

/** The rate as the generator takes it. */
function rateOf(options: ReplayCommandOptions): Rate | undefined {
  const { bursts, burst, poisson, seed, udp } = options;
  const rate = options.rate ?? bursts;
  if (rate === undefined) return undefined;
  return {
    ...rate,
    ...('bits' in rate && udp === undefined && { overhead: WIRE }),
    ...(burst !== undefined && { burst }),
    ...(poisson && { arrivals: 'poisson' as const, ...(seed !== undefined && { seed }) }),
  };
}

function replayOptions(options: ReplayCommandOptions) {
  const rate = rateOf(options);
  const { speed, loops, snapped, oversize, segmentation, precision, seconds } = options;
  const { 'loop-gap': loopGap, 'max-gap': maxGap } = options;
  return {
    ...(rate === undefined ? { speed } : { rate }),
    precision,
    loops,
    ...(seconds === undefined ? {} : { seconds }),
    ...(loopGap === undefined ? {} : { loopGap: loopGap * 1e3 }),
    ...(maxGap === undefined ? {} : { maxGap: maxGap * 1e3 }),
    rewrite: rewriteOf(options),
    snapped,
    oversize,
    virtioNetHeader: segmentation,
    progressInterval: Math.min(LOOK, Math.max(SOONEST, (seconds ?? 1) * 500)),
  };
}

interface Opened {
  capture: Capture | CaptureReader;
  /** what workers read themselves */
  content: string | Uint8Array;
  size: Size;
}

/**
 * Loads a capture, or opens it to be read while it is sent.
 * @returns null: the signal came before all of a pipe did
 */
async function open(
  options: ReplayCommandOptions,
  path: string,
  signal: AbortSignal,
): Promise<Opened | null> {
  const { stream, loops, workers } = options;
  const found = path === '-' ? null : await attempt(path, () => stat(path));
  const piped = path === '-' || found?.isFIFO() === true;
  const isSentOnce = loops === 1 && workers === 1;
  if (piped && stream && !isSentOnce) {
    throw new UsageError(
      '--stream reads standard input once, and so a pipe: neither --loops nor --workers are taken',
    );
  }
  if (stream || (found?.size ?? 0) > LOADED || (piped && isSentOnce)) {
    return { capture: openCapture(path), content: path, size: sizeOfStream(options) };
  }
  const content = piped
    ? await attempt(path, async () => {
        return wholeOf(path === '-' ? process.stdin : openPipe(path), signal);
      })
    : path;
  if (content === null) return null;
  const capture = await attempt(path, () => readCaptureInTurns(content));
  return { capture, content, size: await measure(capture) };
}

async function attempt<T>(path: string, what: () => Promise<T>): Promise<T> {
  try {
    return await what();
  } catch (error) {
    throw new UsageError(`CAPTURE: ${(error as Error).message}; received '${path}'`);
  }
}

/**
 * Turns the error of a capture that cannot be read, or of which nothing can be sent, into a
 * UsageError.
 */
function aboutCapture(error: unknown, path: string): unknown {
  if (!isAboutCapture(error)) return asUsageError(error);
  return new UsageError(`CAPTURE: ${(error as Error).message}; received '${path}'`);
}

function isAboutCapture(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'ERR_ZEROSEND_CAPTURE';
}

function targetOf(options: ReplayCommandOptions, path: string, frames: number | null): Target {
  const { packet, xdp, udp, seconds } = options;
  const where =
    udp !== undefined
      ? `to ${endpointText(udp.address, udp.port ?? 0)} (UDP)`
      : xdp !== undefined
        ? `through ${xdp} (AF_XDP)`
        : `through ${packet} (transmit ring)`;
  const and = options.server === undefined ? '' : ` and ${options.server}`;
  return {
    command: 'replay',
    title: `${frames === null ? 'frames' : `${count(frames)} frames`} of ${path} ${where}${and}`,
    seconds: seconds ?? null,
    packets: null,
    rate: perSecond(options.rate ?? options.bursts),
    workers: options.workers,
    parts: null,
  };
}
