// @ts-check
// Sends for as long as it is let.
import { parentPort, workerData } from 'node:worker_threads';
import { open } from './kinds.mjs';

const { socket, pool, length } = await open(workerData.kind, workerData.place);
for (let sent = 0; ; sent++) {
  socket.send(pool.tryAcquire() ?? (await pool.acquire()), length);
  if (sent === 100) parentPort?.postMessage('sending');
  if (sent % 50 === 0) await new Promise((settle) => setImmediate(settle));
}
