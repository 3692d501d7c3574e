import { defineCommand, EXIT, type ExitCode, type Invocation } from '../base/command.js';
import { asUsageError, unavailable } from '../base/failures.js';
import { count } from '../base/format.js';
import { perSecond } from '../base/rate.js';
import { Monitor } from '../live/monitor.js';
import { lastReading, readingOf } from '../live/reading.js';
import { printEnding, printNothingSent } from '../live/report.js';
import type { Target } from '../live/snapshot.js';
import { showRun } from '../live/table.js';
import { watchRun } from '../web/watch.js';
import { type Endpoint, endpointText } from './addresses.js';
import { writeFile } from './capture-file.js';
import { checkCombination } from './combinations.js';
import { OPTIONS, type SendOptions } from './options.js';
import type { Order, Prepared, SendReport } from './order.js';
import { type Traffic, trafficOf } from './traffic.js';
import { prepare } from './transmit.js';

const CAPABILITY = {
  name: 'NET_RAW',
  tryBy: 'zerosend send --packet zsx0 198.18.0.2:9',
} as const;

export const command = defineCommand({
  name: 'send',
  summary: 'generate packets: UDP, TCP, or whole frames through an interface',
  about: `
Generates packets, as fast as they go or at a rate, from one thread or several, and shows what becomes
of them: how many, how fast, how many are still in flight, and how many the kernel has copied.

To HOST:PORT it sends by an ordinary UDP or TCP socket, which needs no privilege. With --packet or --xdp
it sends whole frames through an interface, with any address; with --output it writes these frames to a
capture, - for standard output. Ctrl-C ends it with the report. Send only into networks that you may flood.`,
  positionals: 'DESTINATION',
  options: OPTIONS,
  examples: [
    ['zerosend send 127.0.0.1:9 --count 100000', 'datagrams of 1400 bytes, as fast as they go'],
    [
      'zerosend send 192.0.2.7:5001 --protocol tcp --rate 1Gbit --seconds 10',
      'a TCP stream at a rate',
    ],
    [
      'zerosend send 192.0.2.7:9 --segment 1400 --zero-copy always',
      'trains of datagrams, which the kernel cuts (GSO)',
    ],
    [
      'zerosend send --packet eth0 198.18.0.2:9 --field ipv4.source=198.18.1.0..198.18.1.254',
      'frames of 64 bytes from many addresses, through a transmit ring',
    ],
    [
      'zerosend send --xdp eth0 198.18.0.2:9 --size 1514 --rate 100k --workers 2',
      'by AF_XDP, from two threads, each by a transmit queue of its own',
    ],
    [
      "zerosend send 192.0.2.7:9 --rate '1k..100k/30s,100k/10s,repeat'",
      'a rate that rises for 30 s, stays for 10 s, and begins anew',
    ],
    [
      'zerosend send --packet eth0 198.18.0.2:9 --mix mix.json --rate 50k --poisson',
      'templates of a file in exact shares, as if by chance',
    ],
    [
      'zerosend send --streams calls.json',
      'many streams, each at its own pace, as a file describes them',
    ],
    [
      'zerosend send -o flood.pcap 198.18.0.2:53 -f payload@0:4=counter --count 1000 --rate 10k',
      'what would be sent, as a capture',
    ],
  ],
  exitCodes: {
    [EXIT.FAILED]: 'sends have failed or have not completed, or an error ended the run',
    [EXIT.UNAVAILABLE]:
      'it could not begin: no privilege, no such interface, nobody who listens; the message says what would help',
  },
  run,
});

async function run(invocation: Invocation<typeof OPTIONS>): Promise<ExitCode> {
  const { options, positionals } = invocation;
  const destination = checkCombination(options, positionals);
  const { packet, xdp, output } = options;
  const frames = packet ?? xdp ?? output;
  let traffic: Traffic;
  try {
    const through = frames === undefined ? null : { interfaceName: packet ?? xdp ?? null };
    traffic = trafficOf(options, destination, through);
  } catch (error) {
    throw asUsageError(error);
  }
  if (output !== undefined) {
    const target = targetOf(options, traffic, null);
    return writeFile(invocation, traffic, output, { target, size: sizeOf(traffic) });
  }
  const { content } = traffic;
  const apart = 'streams' in content && content.streams.some(({ to }) => to !== undefined);
  const remote = frames !== undefined || apart ? null : (destination ?? null);
  return transmit(invocation, traffic, remote);
}

async function transmit(
  invocation: Invocation<typeof OPTIONS>,
  traffic: Traffic,
  remote: Endpoint | null,
): Promise<ExitCode> {
  const { options, json, terminal, signal } = invocation;
  const frames = (options.packet ?? options.xdp) !== undefined;
  const capability = frames ? CAPABILITY : null;
  const monitor = new Monitor(targetOf(options, traffic, remote));
  await using _page = await watchRun(monitor, options, terminal);
  const order: Order = {
    options,
    traffic,
    frames,
    remote,
    signal,
    onProgress: (progress, parts) => monitor.look(() => readingOf(progress, parts)),
  };
  let prepared: Prepared;
  try {
    prepared = await prepare(order);
  } catch (error) {
    if (signal.aborted) return printNothingSent(invocation, monitor.target);
    return unavailable(asUsageError(error), invocation, 'send', capability);
  }
  for (const note of traffic.notes) terminal.note(`zerosend: ${note}`);
  const progress = terminal.progress(json);
  showRun(monitor, terminal, progress);
  let error: Error | null = null;
  const report = await prepared.run().catch((failure: Failure) => {
    error = failure;
    return failure.report;
  });
  await prepared.close();
  if (report === undefined || (error !== null && report.sends === 0)) {
    progress.clear();
    if (signal.aborted) return printNothingSent(invocation, monitor.target);
    return unavailable(asUsageError(error), invocation, 'send', capability);
  }
  const parts = prepared.partsOf(report);
  monitor.end(lastReading(report, monitor.latest, parts));
  const stats = prepared.stats();
  if (stats !== null && stats.softErrors > 0) {
    const answers = count(stats.softErrors);
    terminal.note(`zerosend: ${answers} ICMP errors came back: does anybody listen there?`);
  }
  const ending = { target: monitor.target, report, error, stats, parts };
  return printEnding(ending, terminal, json);
}

type Failure = Error & { report?: SendReport };

function targetOf(options: SendOptions, traffic: Traffic, remote: Endpoint | null): Target {
  const { count: number, seconds, workers } = options;
  const { parts } = traffic;
  return {
    command: 'send',
    title: titleOf(options, traffic, remote),
    seconds: seconds ?? null,
    packets: number ?? null,
    rate: perSecond(options.rate ?? options.bursts),
    workers,
    parts: parts.length === 0 ? null : { of: kindOf(traffic), names: parts },
  };
}

const kindOf = ({ content }: Traffic) => ('streams' in content ? 'streams' : 'templates');

/** The length of packets, as text. */
function sizeOf({ longest, mean }: Traffic): string {
  if (mean === null) return `up to ${count(longest)} bytes`;
  return mean === longest
    ? `${count(longest)} bytes`
    : `up to ${count(longest)} bytes (${count(Math.round(mean))} in the mean)`;
}

function titleOf(options: SendOptions, traffic: Traffic, remote: Endpoint | null): string {
  const { protocol, packet, xdp, output, segment, workers } = options;
  const size = sizeOf(traffic);
  const { content } = traffic;
  if ('streams' in content) {
    const number = content.streams.reduce((sum, { copies }) => sum + copies, 0);
    const way = packet ?? xdp;
    const where =
      way !== undefined
        ? `frames through ${way} (${xdp === undefined ? 'transmit ring' : 'AF_XDP'})`
        : remote === null
          ? 'UDP datagrams'
          : `UDP datagrams to ${endpointText(remote.address, remote.port ?? 0)}`;
    return `${count(number)} streams of ${options.streams}: ${where}, ${size}`;
  }
  const threads = workers > 1 ? `, ${workers} workers` : '';
  if (remote !== null) {
    const where = endpointText(remote.address, remote.port ?? 0);
    const cut = segment === undefined ? '' : ', in trains (GSO)';
    const what = protocol === 'udp' ? `UDP datagrams of ${size}` : `TCP, sends of ${size},`;
    return `${what} to ${where}${cut}${threads}`;
  }
  const where =
    output !== undefined
      ? `into ${output}`
      : xdp !== undefined
        ? `through ${xdp} (AF_XDP)`
        : `through ${packet} (transmit ring)`;
  const cut = segment === undefined ? '' : `, cut into segments of ${count(segment)}`;
  return `frames of ${size} ${where}${cut}${threads}`;
}
