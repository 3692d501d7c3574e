// The entry point of a worker thread of generateInWorkers, which has a socket of its own and sends every
// n-th packet.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { PacketSocket, TcpSocket, UdpSocket, XdpSocket, type ZeroCopySocket } from '../../index.js';
import { checkGenerate, checkStream, type GenerateOptions } from '../runs/generate-options.js';
import type { GenerateReport } from '../runs/generate-report.js';
import { startRun } from '../runs/generation.js';
import type { FromWorker, ToWorker, WorkerJob } from './protocol.js';

type Failure = Error & { code?: string; report?: GenerateReport };

/** @param signal gives up connecting */
async function open({ socket, index }: WorkerJob, signal: AbortSignal): Promise<ZeroCopySocket> {
  if ('udp' in socket) return UdpSocket.open(socket.udp);
  if ('tcp' in socket) return TcpSocket.connect({ ...socket.tcp, signal });
  if ('packet' in socket) return PacketSocket.open(socket.packet);
  // A transmit queue can be had by one socket only.
  const queue = (socket.xdp.queue ?? 0) + index;
  return XdpSocket.open({ ...socket.xdp, queue });
}

async function work(job: WorkerJob, port: MessagePort): Promise<void> {
  const say = (message: FromWorker) => port.postMessage(message);
  const stop = new AbortController();
  const started = new Promise<number>((resolve) => {
    port.on('message', (message: ToWorker) => {
      if (message.type === 'start') resolve(message.at);
      else stop.abort();
    });
  });
  const socket = await open(job, stop.signal);
  try {
    say({ type: 'ready' });
    const at = await started;
    const options: GenerateOptions = {
      socket,
      ...job.packets,
      share: { first: job.first + job.index, stride: job.of },
      ...job.run,
      signal: stop.signal,
      startAt: at - performance.timeOrigin,
      onProgress: (progress) => say({ type: 'progress', progress }),
    };
    const checked = 'tcp' in job.socket ? checkStream(options) : checkGenerate(options);
    const { index, of } = job;
    const report = await startRun({ ...checked, pacer: { ...checked.pacer, index, of } });
    say({ type: 'done', report });
  } finally {
    await socket.close();
  }
}

if (parentPort) {
  const port = parentPort;
  work(workerData as WorkerJob, port)
    .catch(({ message, code, stack, report }: Failure) => {
      const failed: FromWorker = { type: 'failed', error: { message, code, stack, report } };
      port.postMessage(failed);
    })
    .finally(() => port.close()); // it would keep the thread alive
}
