// @ts-check
// Listeners that throw, and an error for which there is none.
import { BufferPool, TcpSocket, UdpSocket } from 'zerosend';
import { given, say } from '../../../support/say.mjs';

/** @type {{ what: string, udp: number, tcp: number }} */
const { what, udp, tcp } = given;
process.on('uncaughtException', (error) => {
  const { message, code } = /** @type {NodeJS.ErrnoException} */ (error);
  say('uncaught', { message, code });
});

if (what === 'throw') {
  const pool = new BufferPool({ bufferSize: 4096, count: 8 });
  const remote = { address: '127.0.0.1', port: udp };
  const thrower = await UdpSocket.open({ remote, zeroCopy: 'always' });
  const other = await UdpSocket.open({ remote, zeroCopy: 'always' });
  let completed = 0;
  thrower.on('complete', () => {
    throw new Error('in a listener');
  });
  other.on('complete', ({ first, last }) => {
    completed += last - first + 1;
  });
  for (let i = 0; i < 100; i++) {
    thrower.send(await pool.acquire(), 1000); // does not throw what its listeners do
    other.send(await pool.acquire(), 1000);
    if (i % 10 === 0) thrower.poll();
  }
  await Promise.all([thrower.flush(), other.flush()]);
  const reports = [await thrower.close(), await other.close()];
  say('done', { completed, free: pool.free, reports });
} else {
  // An idle socket does not keep the process alive to hear of the reset.
  const socket = (await TcpSocket.connect({ host: '127.0.0.1', port: tcp })).ref();
  socket.on('close', (report) => say('done', { report }));
  say('connected');
}
