// @ts-check
// Two sockets with buffers of one pool give them up at the same time, on two threads: the error
// queue cannot be read, so the poller thread ends the one, while JavaScript aborts the other.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { ALWAYS, BufferPool, faults, inject, UdpSocket } from '../zerosend.mjs';

const pool = new BufferPool({ bufferSize: 4096, count: 32, hugePages: 'none' });
const take = () => /** @type {import('zerosend').PooledBuffer} */ (pool.tryAcquire());

/** @param {number} port */
async function open(port) {
  const remote = { address: '127.0.0.1', port };
  const socket = await UdpSocket.open({ remote, zeroCopy: 'always' });
  socket.on('error', () => {});
  return socket;
}

export async function run() {
  const receiver = createSocket('udp4').bind(0, '127.0.0.1').unref();
  await once(receiver, 'listening');
  const { port } = receiver.address();
  inject('recvmsg', { error: 'EPERM', times: ALWAYS });
  const buffers = Array.from({ length: 32 }, take);
  // A slot within each of the later two spans has pages of its own already.
  for (const i of [5, 15]) {
    const socket = await open(port);
    socket.send(/** @type {import('zerosend').PooledBuffer} */ (buffers[i]), 1000);
    await socket.abort();
    buffers[i] = take(); // the only one that is free
  }
  const first = await open(port);
  for (const buffer of buffers.slice(4, 8)) first.send(buffer, 1000);
  await delay(1000); // it ends after two seconds, and the second one is not to end by itself
  const second = await open(port);
  for (const buffer of buffers.slice(14, 18)) second.send(buffer, 1000);
  inject('remap', { delay: 700 });
  while (faults('remap').calls === 0) await delay(1);
  const aborted = await second.abort();
  if (first.fd >= 0) await once(first, 'close');
  const { free, retired } = pool.stats();
  return { outcome: aborted.outcome, free, retired };
}
