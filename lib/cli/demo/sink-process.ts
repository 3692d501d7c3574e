// Sends UDP into an interface that drops what it gets. Started by sink.ts in a network namespace of its
// own; nothing that is made here outlives this process.
//
// Two senders take turns, so that other load of the machine affects both: one asks for zero copy,
// one is an ordinary copying sender. Each send is a prepared train of which only the number
// changes.
import { execFileSync } from 'node:child_process';
import { BufferPool, UdpSocket } from '../../index.js';
import { leaveSignalsToParent } from '../base/interrupt.js';
import { RepeatedPattern } from './checks.js';
import { startWatchdog } from './processes.js';
import { resultOf, snapshotOf } from './report.js';
import { Meter, Run, sendPrepared } from './sending.js';
import type { FromSink, SinkOptions } from './sink.js';

const INTERFACE = 'zs-sink';
const ADDRESS = '198.18.0.1/24'; // 198.18.0.0/15 is reserved for benchmarks (RFC 2544)
const REMOTE = { address: '198.18.0.2', port: 9 };
const HEADERS = 28; // bytes of IPv4 and UDP
const TURNS = 8; // of each sender
const PROGRESS_EVERY = 200; // ms

interface Sender {
  readonly name: string;
  readonly run: Run;
  readonly meter: Meter;
  readonly socket: UdpSocket;
}

const { seconds, count, udpSize, segment, buffers, seed, limit } = JSON.parse(
  process.argv[2] ?? '{}',
) as SinkOptions;
const end = new AbortController();

const tell = (message: FromSink) => process.send?.(message);

process.on('disconnect', () => process.exit());
process.on('message', () => end.abort()); // the only message says to stop
leaveSignalsToParent();
startWatchdog(limit, 'the sink');

/**
 * Makes an ifb interface, to which nothing is redirected: it drops what it gets, without copying
 * it.
 */
function makeInterface(): void {
  const PATH = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`;
  const mtu = Math.max(1500, segment + HEADERS);
  for (const command of [
    `link add ${INTERFACE} mtu ${mtu} type ifb`,
    `address add ${ADDRESS} dev ${INTERFACE}`,
    `link set ${INTERFACE} up`,
  ]) {
    execFileSync('ip', command.split(' '), {
      env: { ...process.env, PATH },
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    });
  }
}

async function open(name: string, zeroCopy: 'always' | 'never'): Promise<Sender> {
  const socket = await UdpSocket.open({
    remote: REMOTE,
    segmentSize: segment,
    zeroCopy,
    maxQueuedSends: buffers,
  });
  const meter = new Meter();
  socket.on('complete', meter.complete);
  return { name, socket, meter, run: new Run({ count, signal: end.signal }) };
}

async function main(): Promise<void> {
  try {
    makeInterface();
  } catch (error) {
    const { code, stderr, message } = error as NodeJS.ErrnoException & { stderr?: string };
    const reason = code === 'ENOENT' ? 'ip (iproute2) is not installed' : stderr || message;
    tell({ type: 'unavailable', reason: reason.trim() });
    return;
  }
  const pattern = new RepeatedPattern(seed);
  const datagrams = Math.ceil(udpSize / segment);
  const pool = new BufferPool({
    bufferSize: udpSize,
    count: buffers,
    init: (bytes, index) => pattern.fillTrain(bytes, udpSize, segment, index * datagrams),
  });
  const zeroCopying = await open('sink', 'always');
  const copying = await open('sink-copy', 'never');
  let sender = zeroCopying;
  const ticker = setInterval(() => {
    const { name, run, meter } = sender;
    tell({ type: 'progress', name, snapshot: snapshotOf(run, meter, pool) });
  }, PROGRESS_EVERY);
  for (let turn = 0; turn < TURNS; turn++) {
    // The order is A B, B A, A B, …, so that none is always the first.
    for (sender of turn % 2 === 0 ? [zeroCopying, copying] : [copying, zeroCopying]) {
      const { run, meter, socket } = sender;
      run.begin(seconds / TURNS);
      await sendPrepared({ run, meter, pool, socket, pattern }, udpSize);
      await socket.flush();
      run.pause();
    }
  }
  clearInterval(ticker);
  const results = [];
  for (const { name, run, meter, socket } of [zeroCopying, copying]) {
    const closed = await socket.close();
    results.push(resultOf({ name, meter, run, socket, pool, closed, received: null }));
  }
  await pool.close();
  tell({ type: 'results', results });
}

main()
  .catch((error: Error) => tell({ type: 'error', message: error.message }))
  .finally(() => process.disconnect());
