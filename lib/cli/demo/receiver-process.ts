// A receiver that checks every byte, in a process of its own. Started by loopback.ts. It takes its
// options from the command line, answers the message that everything was sent with its report, and
// ends with its parent.
import { createSocket } from 'node:dgram';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { leaveSignalsToParent } from '../base/interrupt.js';
import { RepeatedPattern, SequenceChecker } from './checks.js';

/** The options that it gets when it starts. */
export interface ReceiverOptions {
  readonly protocol: 'udp' | 'tcp';
  readonly seed: number;
  /** Bytes of a datagram, and datagrams of a send. */
  readonly segment?: number;
  readonly train?: number;
}

export interface ReceiverReport {
  bytes: number;
  wrongBytes: number;
  /** The rest of UDP only. */
  datagrams?: number;
  lost?: number;
  duplicates?: number;
  reordered?: number;
}

export type FromReceiver =
  | { type: 'listening'; port: number; window: number }
  | { type: 'received'; next: number }
  | { type: 'report'; report: ReceiverReport }
  | { type: 'error'; message: string };

const HOST = '127.0.0.1';
const RECEIVE_BUFFER = 8 << 20; // bytes to ask for; net.core.rmem_max may allow less
// The kernel counts this many bytes for a datagram, beside its content, and gives the room of those
// that have been read back in portions of a quarter of the buffer: half of it can be relied on.
const OVERHEAD = 1_300;
const QUIET = 200; // ms without a datagram after which no more are expected

const { protocol, seed, segment, train } = JSON.parse(
  process.argv[2] ?? '{}',
) as Required<ReceiverOptions>;
const pattern = new RepeatedPattern(seed);

const tell = (message: FromReceiver) => process.send?.(message);

process.on('disconnect', () => process.exit());
leaveSignalsToParent();

function receiveUdp(): void {
  const checker = new SequenceChecker(pattern);
  const socket = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER });
  let acknowledged = 0;
  let acknowledgeEvery = 1;
  socket.on('message', (datagram) => {
    checker.receive(datagram);
    if (checker.next - acknowledged < acknowledgeEvery) return;
    acknowledged = checker.next;
    tell({ type: 'received', next: acknowledged });
  });
  socket.bind(0, HOST, () => {
    const room = Math.floor(socket.getRecvBufferSize() / 2 / (segment + OVERHEAD));
    const window = Math.max(2 * train, room);
    acknowledgeEvery = Math.max(1, Math.min(window >> 2, window - train));
    tell({ type: 'listening', port: socket.address().port, window });
  });
  process.on('message', async ({ datagrams: sent }: { datagrams: number }) => {
    let come: number;
    do {
      come = checker.datagrams;
      if (checker.next < sent) await sleep(QUIET);
    } while (checker.datagrams > come && checker.next < sent);
    const { bytes, wrongBytes, datagrams, duplicates, reordered } = checker;
    const lost = checker.lostOf(sent);
    const report = { bytes, wrongBytes, datagrams, lost, duplicates, reordered };
    tell({ type: 'report', report });
  });
}

function receiveTcp(): void {
  let bytes = 0;
  let wrongBytes = 0;
  const server = createServer((socket) => {
    socket.on('data', (chunk) => {
      wrongBytes += pattern.wrongInStream(chunk, bytes);
      bytes += chunk.length;
    });
    socket.on('error', (error) => tell({ type: 'error', message: `receiver: ${error.message}` }));
    socket.on('end', () => tell({ type: 'report', report: { bytes, wrongBytes } }));
    server.close(); // there is only one connection
  });
  server.listen(0, HOST, () => {
    const { port } = server.address() as AddressInfo;
    tell({ type: 'listening', port, window: 0 });
  });
}

if (protocol === 'udp') receiveUdp();
else receiveTcp();
