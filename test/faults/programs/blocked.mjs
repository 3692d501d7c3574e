// @ts-check
// A thread that sends once and then does not turn any more, until it is ended.
import { workerData } from 'node:worker_threads';
import { TcpSocket } from '../zerosend.mjs';

const { port, never } = workerData;
const socket = await TcpSocket.connect({ host: '127.0.0.1', port, zeroCopy: 'never' });
socket.send(new Uint8Array(1000));
Atomics.wait(never, 0, 0);
