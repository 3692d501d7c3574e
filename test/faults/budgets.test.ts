// What one hold of a socket's lock may do: whoever waits for it, JavaScript above all, is not kept.
import { expect, it, onTestFinished } from 'vitest';
import type { UdpOptions } from 'zerosend';
import { spinUntil } from '../support/deadline.js';
import { isRoot, needs } from '../support/requirements.js';
import { byThread } from './handed-over.mjs';
import {
  clearFaultsAfterEach,
  eventually,
  holdBack,
  keepInFlight,
  sharedTcpReceiver,
  withReceiver,
  withUdpReceiver,
} from './peers.js';
import { Sender, within } from './sender.mjs';
import { clearFaults, inject, setOption, UdpSocket } from './zerosend.mjs';

const tcp = sharedTcpReceiver();
clearFaultsAfterEach();

/** Of native/sockets/budget.h: messages that one hold sends, or reads. */
const MOST_SENT = 128;
const MOST_READ = 1024;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;

/** A socket with so many datagrams in its queue, to a peer that takes them all. */
async function queueUp(port: number, count: number, options: UdpOptions = {}) {
  const remote = { address: '127.0.0.1', port };
  const socket = await UdpSocket.open({
    remote,
    zeroCopy: 'never',
    maxQueuedSends: 2 ** 20,
    ...options,
  });
  onTestFinished(() => void socket.abort());
  const bytes = new Uint8Array(100);
  holdBack();
  for (let i = 0; i < count; i++) socket.send(bytes);
  expect(socket.stats()).toMatchObject({ queuedSends: count, kernelSends: 0 });
  return socket;
}

/** What has been sent, and by how many holds of the poller thread. */
function progress({ stats }: { stats: () => { kernelSends: number; wakes: number } }) {
  const { kernelSends, wakes } = stats();
  return { kernelSends, wakes };
}

it('one poll() sends a part of a long queue, and all of it goes out', () =>
  withUdpReceiver(async ({ port }) => {
    const count = 3000;
    const socket = await queueUp(port, count);
    const counts = { stats: () => socket.stats() };
    let last = progress(counts);
    clearFaults();
    while (last.kernelSends < count) {
      socket.poll();
      const now = progress(counts);
      const holds = 1 + now.wakes - last.wakes; // the poller thread works at it, too
      // And the submission thread: docs/submission-thread.md, "what a full socket has waiting".
      if (!byThread)
        expect(now.kernelSends - last.kernelSends).toBeLessThanOrEqual(MOST_SENT * holds);
      last = now;
    }
    await within(socket.flush(), 'flush');
    expect(socket.stats()).toMatchObject({ kernelSends: count, inlined: count });
  }));

it('the poller thread sends a long queue in parts, while JavaScript computes', () =>
  withUdpReceiver(async ({ port }) => {
    const count = 20_000;
    const socket = await queueUp(port, count);
    const { wakes } = socket.stats();
    clearFaults();
    spinUntil(() => socket.stats().kernelSends === count, 'all is sent', 15_000);
    expect(socket.stats().wakes - wakes).toBeGreaterThanOrEqual(Math.floor(count / MOST_SENT));
    await within(socket.flush(), 'flush');
    expect(socket.inFlight).toBe(0);
  }));

it('a long queue does not keep another socket waiting', () =>
  withUdpReceiver(async ({ port }) => {
    const long = await queueUp(port, 300_000);
    clearFaults();
    spinUntil(() => long.stats().kernelSends > 0, 'the poller thread is at it', 15_000);
    holdBack();
    const short = await queueUp(port, 1);
    clearFaults();
    spinUntil(() => short.stats().kernelSends === 1, 'the other has sent', 15_000);
    expect(long.stats().kernelSends).toBeLessThan(300_000);
    await within(long.flush(), 'flush', 20_000);
  }));

it('the poller thread reads a long error queue in parts', needs(isRoot(), 'root'), () =>
  withUdpReceiver(async ({ port }) => {
    const remote = { address: '127.0.0.1', port };
    const options = { remote, zeroCopy: 'never', timestamps: 'software' } as const;
    const socket = await UdpSocket.open(options);
    onTestFinished(() => void socket.abort());
    expect(setOption(socket.fd, SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)).toBe(0);
    keepInFlight();
    let told = 0;
    socket.on('timestamp', () => told++);
    const count = 3000;
    for (let i = 0; i < count; i++) socket.send(new Uint8Array(100));
    await within(socket.flush(), 'flush');
    // JavaScript is idle, and the poller thread looks again and again.
    await eventually(() => socket.stats().wakes).toBeGreaterThan(5);
    const { timestamps, wakes } = socket.stats();
    expect(timestamps).toBe(0);
    inject('recvmsg');
    spinUntil(() => socket.stats().timestamps === 2 * count, 'all is read ', 15_000);
    // The submission thread may read some: docs/submission-thread.md, "when completions are read".
    const holds = socket.stats().wakes - wakes;
    expect(holds).toBeGreaterThanOrEqual(byThread ? 1 : (2 * count) / MOST_READ);
    await eventually(() => told).toBe(2 * count);
  }),
);

it.each(['tcp', 'udp'] as const)(
  '%s: what waits for room is armed for again while JavaScript computes',
  (protocol) =>
    withReceiver(protocol, tcp, async (receiver) => {
      const sender = await Sender.open(protocol, receiver, { zeroCopy: 'never' });
      inject('sendto', { error: 'EAGAIN', times: 6 });
      expect(sender.send()).toBe('accepted');
      const { socket } = sender;
      // Each wake but the last meets EAGAIN, and nobody but the poller thread can arm again.
      spinUntil(() => socket.stats().completed === 1, 'the send goes out', 15_000);
      // Or the submission thread: docs/submission-thread.md, "what a full socket has waiting".
      if (!byThread) expect(socket.stats().wakes).toBeGreaterThan(4);
      expect(await sender.finish()).toMatchObject({ problems: [], report: { unfinished: 0 } });
    }),
);
