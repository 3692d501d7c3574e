import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import type { BufferRun } from 'zerosend';
import { clearFaultsAfterEach } from './peers.js';
import { within } from './sender.mjs';
import { ALWAYS, BufferPool, clearFaults, inject, UdpDestination, UdpSocket } from './zerosend.mjs';

clearFaultsAfterEach();

/** Hears what is sent to a port of its own. */
async function listener() {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  onTestFinished(() => void socket.close());
  await once(socket, 'listening');
  const heard: string[] = [];
  socket.on('message', (text) => heard.push(text.toString()));
  const to = new UdpDestination({ address: '127.0.0.1', port: socket.address().port });
  const until = async (count: number) => {
    while (heard.length < count) await once(socket, 'message');
  };
  return { to, heard, until };
}

it.each(['always', 'never'] as const)(
  'zeroCopy %s: what waits for room goes to its own peer, in order, whatever the mailbox holds by then',
  async (zeroCopy) => {
    const peers = await Promise.all([listener(), listener()]);
    const pool = new BufferPool({ bufferSize: 4096, count: 16 });
    const socket = await UdpSocket.open({ zeroCopy });
    const sendAll = (text: string) => {
      const run = pool.tryAcquireRun(4) as BufferRun;
      for (let i = 0; i < 4; i++) run.bytes(i).write(`${text}${i}`);
      return socket.sendMany(
        run,
        2,
        [0, 1, 1, 0].map((i) => peers[i as 0 | 1].to),
      );
    };
    inject('sendmmsg', { error: 'EAGAIN', times: ALWAYS });
    inject('sendto', { error: 'EAGAIN', times: ALWAYS });
    expect(sendAll('a')).toEqual({ first: 0, last: 3 });
    expect(socket.needDrain).toBe(true);
    sendAll('b');
    const [, other] = peers;
    socket.sendTo(Buffer.from('c4'), 2, other.to);
    new UdpDestination({ address: '127.0.0.1', port: 9 });
    clearFaults();
    await within(socket.flush(), 'flush()', 10_000);
    await within(Promise.all([peers[0].until(4), peers[1].until(5)]), 'datagrams', 10_000);
    expect(peers.map(({ heard }) => heard)).toEqual([
      ['a0', 'a3', 'b0', 'b3'],
      ['a1', 'a2', 'b1', 'b2', 'c4'],
    ]);
    expect(socket.stats()).toMatchObject({ completed: 9, unsentBytes: 0 });
    await socket.close();
    await pool.close();
  },
);
