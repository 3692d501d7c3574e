// The entry point of a worker thread of replayInWorkers, which has sockets of its own and sends the flows
// of its share.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { PacketSocket, UdpSocket, XdpSocket, type ZeroCopySocket } from '../../index.js';
import { openCapture } from '../captures/capture-reader.js';
import type { WorkerSocket } from '../workers/protocol.js';
import { type ReplayReport, runReplay } from './replay.js';
import { checkReplay } from './replay-options.js';
import type { FromReplayer, ReplayJob, ToReplayer } from './replay-protocol.js';

async function open(socket: WorkerSocket, index: number): Promise<ZeroCopySocket> {
  if ('udp' in socket) return UdpSocket.open(socket.udp);
  if ('packet' in socket) return PacketSocket.open(socket.packet);
  // A transmit queue can be had by one socket only.
  return XdpSocket.open({ ...socket.xdp, queue: (socket.xdp.queue ?? 0) + index });
}

async function work(job: ReplayJob, port: MessagePort): Promise<void> {
  const say = (message: FromReplayer) => port.postMessage(message);
  const stop = new AbortController();
  const started = new Promise<number>((resolve) => {
    port.on('message', (message: ToReplayer) => {
      if (message.type === 'start') resolve(message.at);
      else stop.abort();
    });
  });
  const { socket: first, server, capture, stream, share, options } = job;
  const sockets: ZeroCopySocket[] = [];
  try {
    const socket = await open(first, share.index);
    sockets.push(socket);
    const second = server && (await open(server.socket, share.index));
    if (second) sockets.push(second);
    const checked = checkReplay({
      ...options,
      socket,
      ...(server && second && { server: { ...server, socket: second } }),
      capture: stream ? openCapture(capture) : capture,
      signal: stop.signal,
      onProgress: (progress) => say({ type: 'progress', progress }),
    });
    const begin = async () => {
      say({ type: 'ready' });
      return (await started) - performance.timeOrigin;
    };
    say({ type: 'done', report: await runReplay({ ...checked, share }, begin) });
  } finally {
    for (const socket of sockets) await (socket.inFlight > 0 ? socket.abort() : socket.close());
  }
}

if (parentPort) {
  const port = parentPort;
  work(workerData as ReplayJob, port)
    .catch(({ message, code, report }: Error & { code?: string; report?: ReplayReport }) => {
      const failed: FromReplayer = { type: 'failed', message, code, report };
      port.postMessage(failed);
    })
    .finally(() => port.close()); // it would keep the thread alive
}
