// @ts-check
// A receiver that checks every byte, in a process of its own. Started by receivers.mjs; takes its
// options from the command line, answers { type: 'finish' } with its report, and ends with its
// parent.
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { RepeatedPattern } from '../../rig/repeated-pattern.mjs';
import { SequenceChecker } from './sequence-checker.mjs';

const RECEIVE_BUFFER = 8 << 20; // bytes to ask for; net.core.rmem_max may allow less
// The kernel counts this many bytes for a datagram, beside its content, and gives the room of those
// that have been read back in portions of a quarter of the buffer: half of it can be relied on.
const OVERHEAD = 1_300;
const QUIET = 200; // ms without a datagram after which no more will come

/** @typedef {import('./receivers.mjs').FromReceiver} FromReceiver */
/** @type {{ protocol: 'udp' | 'tcp', seed: number, segment: number, train: number }} */
const { protocol, seed, segment, train } = JSON.parse(process.argv[2] ?? '{}');
const pattern = new RepeatedPattern(seed);

/** @param {FromReceiver} message */
const tell = (message) => process.send?.(message);

process.on('disconnect', () => process.exit());
process.on('SIGINT', () => {}); // Ctrl-C goes to the whole group: the parent decides

function receiveUdp() {
  const checker = new SequenceChecker(pattern);
  const socket = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER });
  let acknowledged = 0;
  let acknowledgeEvery = 1;
  let lastArrival = 0;
  socket.on('message', (datagram) => {
    checker.receive(datagram);
    if (checker.next - acknowledged < acknowledgeEvery) return;
    acknowledged = checker.next;
    tell({ type: 'received', next: acknowledged });
  });
  socket.bind(0, '127.0.0.1', () => {
    const room = Math.floor(socket.getRecvBufferSize() / 2 / (segment + OVERHEAD));
    const window = Math.max(2 * train, room);
    acknowledgeEvery = Math.max(1, Math.min(window >> 2, window - train));
    tell({ type: 'listening', port: socket.address().port, window });
  });
  process.on('message', async (/** @type {{ datagrams: number }} */ { datagrams: sent }) => {
    do {
      lastArrival = checker.datagrams;
      if (checker.next < sent) await new Promise((resolve) => setTimeout(resolve, QUIET));
    } while (checker.datagrams > lastArrival && checker.next < sent);
    const { bytes, wrongBytes, datagrams, duplicates, reordered } = checker;
    const lost = checker.lostOf(sent);
    tell({
      type: 'report',
      report: { bytes, wrongBytes, datagrams, lost, duplicates, reordered },
    });
  });
}

function receiveTcp() {
  let bytes = 0;
  let wrongBytes = 0;
  const server = createServer((socket) => {
    socket.on('data', (chunk) => {
      wrongBytes += pattern.wrongInStream(chunk, bytes);
      bytes += chunk.length;
    });
    socket.on('error', (error) => tell({ type: 'error', message: `receiver: ${error.message}` }));
    socket.on('end', () => tell({ type: 'report', report: { bytes, wrongBytes } }));
    server.close(); // one connection is all there is
  });
  server.listen(0, '127.0.0.1', () => {
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
    tell({ type: 'listening', port, window: 0 });
  });
}

if (protocol === 'udp') receiveUdp();
else receiveTcp();
