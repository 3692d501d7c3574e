import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clearFaultsAfterEach, eventually, sharedTcpReceiver } from './peers.js';
import { pause, Sender, within } from './sender.mjs';
import { inject, TcpSocket } from './zerosend.mjs';

const tcp = sharedTcpReceiver();
clearFaultsAfterEach();

describe('what a TCP peer says', () => {
  // One peer that talks without end must not keep the poller thread, nor the lock of its socket.
  it('is read in portions, between which others have their turn', async () => {
    const sender = await Sender.tcp(tcp.current);
    expect(sender.send()).toBe('accepted');
    await sender.flushed();
    const before = sender.socket.stats();
    inject('recv', { limit: 0, times: 480 }); // answers 1: a byte has been read
    await tcp.current.send(1);
    await eventually(() => sender.socket.stats().discardedBytes).toBe(before.discardedBytes + 481);
    // 16 in a wake at most.
    expect(sender.socket.stats().wakes - before.wakes).toBeGreaterThanOrEqual(30);
    expect(await sender.finish()).toMatchObject({ problems: [], report: { outcome: 'drained' } });
  });
});

describe('a TCP peer that has said its last word', () => {
  let server: Server;
  const peers: Socket[] = [];
  beforeAll(async () => {
    server = createServer({ allowHalfOpen: true }, (peer) => {
      peers.push(peer);
      peer.pause();
      peer.on('error', () => {});
      peer.end(); // and reads nothing
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(() => {
    for (const peer of peers) peer.destroy();
    server.close();
  });

  // Both directions are shut down then: EPOLLHUP, which stays and would fire at each arming.
  it.each(['never', 'always'] as const)('is waited for in peace, zeroCopy %s', async (zeroCopy) => {
    const { port } = server.address() as AddressInfo;
    const socket = await TcpSocket.connect({
      host: '127.0.0.1',
      port,
      zeroCopy,
      sendBufferSize: 4 << 20,
    });
    await eventually(() => socket.info().peerClosed).toBe(true);
    // More than the peer's kernel takes, and less than ours: nothing waits but for its reading.
    for (let i = 0; i < 6; i++) socket.send(new Uint8Array(50_000));
    expect(socket.needDrain).toBe(false);
    const closing = socket.close({ timeout: 60_000 });
    await pause(50);
    const { wakes } = socket.stats();
    await pause(300); // absence can only be watched: it would wake each 200 µs
    expect(socket.stats().wakes - wakes).toBeLessThan(100);
    expect(socket.fd).toBeGreaterThan(0);
    peers.at(-1)?.resume();
    expect(await within(closing, 'close')).toMatchObject({ outcome: 'drained' });
  });
});

describe('the end of a thread with unread input', () => {
  // A reset instead of the end of the stream would take from the peer what it has not read yet.
  it('ends the stream, and does not reset it', async () => {
    const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const never = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(new URL('programs/blocked.mjs', import.meta.url), {
      workerData: { port, never },
    });
    const [peer] = (await within(once(server, 'connection'), 'the connection')) as [Socket];
    const how = new Promise((settle) => {
      peer.once('end', () => settle('end'));
      peer.once('error', ({ code }: NodeJS.ErrnoException) => settle(code));
    });
    const [data] = await within(once(peer, 'data'), 'what the thread has sent');
    expect(data.length).toBe(1000);
    // Into the kernel of the thread, which is busy with a send and does not turn: nobody reads it.
    await new Promise<void>((settle) => peer.write(new Uint8Array(5000), () => settle()));
    await within(worker.terminate(), 'the end of the thread');
    expect(await within(how, 'the end of the stream')).toBe('end');
    peer.destroy();
    server.close();
  });
});
