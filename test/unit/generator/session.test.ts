import { createServer, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { BufferPool, TcpSocket } from 'zerosend';
import { Session } from '../../../lib/generator/runs/session.js';
import { within } from '../../support/deadline.js';

it('does not wait for room once it has been stopped', async () => {
  const peers: Socket[] = [];
  const server = createServer((peer) => peers.push(peer.pause().on('error', () => {})));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const socket = await TcpSocket.connect({ host: '127.0.0.1', port });
  const pool = new BufferPool({ count: 1, bufferSize: 64 });
  onTestFinished(async () => {
    await Promise.all([socket.abort(), pool.close()]);
    for (const peer of peers) peer.destroy();
    server.close();
  });
  while (!socket.needDrain) socket.send(new Uint8Array(2 ** 20));
  const session = new Session({
    socket: socket as never,
    pool: pool as never,
    seconds: Number.POSITIVE_INFINITY,
    startAt: undefined,
    rateError: () => null,
    precision: 'sleep',
    signal: undefined,
    onProgress: undefined,
    progressInterval: 1000,
  });
  const waits = session.room();
  session.end('stop');
  await within(waits, 'the end of waiting');
  await within(session.room(), 'no waiting'); // as of a run that is stopped before it looks for room
  expect(socket.needDrain).toBe(true);
});
