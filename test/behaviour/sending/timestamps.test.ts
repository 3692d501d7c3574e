import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { BufferPool, TcpSocket, type Timestamp, UdpSocket, type ZeroCopySocket } from 'zerosend';
import { families, loopback, overLoopback } from '../../support/endpoints.js';
import { itInline } from '../../support/submit.js';

const closers: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function drainTo(count: number, stamps: Timestamp[], socket: ZeroCopySocket) {
  const deadline = Date.now() + 5000;
  while (stamps.length < count && Date.now() < deadline) {
    await new Promise((settle) => setTimeout(settle, 5));
    socket.poll();
  }
}

function record(socket: ZeroCopySocket) {
  const stamps: Timestamp[] = [];
  const completed: number[] = [];
  socket.on('timestamp', (stamp) => stamps.push(stamp));
  socket.on('complete', ({ first, last }) => {
    for (let id = first; id <= last; id++) completed.push(id);
  });
  return { stamps, completed };
}

describe.each(families)('timestamps over IPv%i', (family) => {
  const address = loopback(family);
  async function udp(timestamps?: 'software' | 'hardware') {
    const socket = await UdpSocket.open({
      family,
      remote: { address, port: 9 },
      zeroCopy: 'always',
      ...(timestamps ? { timestamps } : {}),
    });
    closers.push(() => socket.close());
    const pool = new BufferPool({ count: 64 });
    closers.push(() => pool.close());
    return { socket, pool };
  }

  it(
    'come twice for each datagram, by its id, beside its completion',
    overLoopback(family),
    async () => {
      const before = BigInt(Date.now()) * 1_000_000n - 5_000_000n;
      const { socket, pool } = await udp('software');
      const { stamps, completed } = record(socket);
      // Copied and zero-copied ones, single and in batches: the kernel counts them alike.
      for (let i = 0; i < 40; i++) {
        socket.send(pool.tryAcquire() ?? (await pool.acquire()), 100 + 1000 * i);
        socket.send(Buffer.alloc(500), 500);
      }
      const batch = Array.from({ length: 8 }, () => pool.tryAcquire()).filter((b) => b !== null);
      socket.sendMany(batch, 900);
      const ids = socket.nextId;
      await socket.flush();
      await drainTo(2 * ids, stamps, socket);
      expect([...completed].sort((a, b) => a - b)).toEqual(
        Array.from({ length: ids }, (_, i) => i),
      );
      for (const stage of ['scheduled', 'sent'] as const) {
        const found = stamps.filter((stamp) => stamp.stage === stage);
        expect(found.map(({ id }) => id).sort((a, b) => a - b)).toEqual([...Array(ids).keys()]);
        expect(socket.stats().latency[stage]?.count).toBe(ids);
      }
      const after = BigInt(Date.now()) * 1_000_000n + 5_000_000n;
      for (const { time, latency } of stamps) {
        expect(time > before && time < after).toBe(true);
        expect(latency).toBeGreaterThan(0);
        expect(latency).toBeLessThan(5e9);
      }
      expect(socket.stats()).toMatchObject({
        unknownStamps: 0,
        unknownMessages: 0,
        duplicateIds: 0,
      });
      expect(socket.info().timestamps).toBe('on');
    },
  );

  // docs/submission-thread.md, "what the kernel refuses": the refused one has an id.
  itInline(
    'keep the right ids after a datagram that the kernel has refused',
    overLoopback(family),
    async () => {
      const { socket, pool } = await udp('software');
      const { stamps } = record(socket);
      socket.send(pool.tryAcquire() as never, 100);
      await socket.flush();
      await drainTo(2, stamps, socket);
      expect(() =>
        socket.sendTo(Buffer.alloc(100), 100, {
          address: family === 4 ? '255.255.255.255' : 'ff02::1%999',
          port: 9,
        }),
      ).toThrow(); // EACCES, or no such zone
      stamps.length = 0;
      for (let i = 1; i <= 5; i++) socket.send(pool.tryAcquire() as never, 100);
      await drainTo(10, stamps, socket);
      const sent = stamps.filter(({ stage }) => stage === 'sent').map(({ id }) => id);
      expect(sent).toEqual([1, 2, 3, 4, 5]);
    },
  );

  it('are not there unless asked for', overLoopback(family), async () => {
    const { socket, pool } = await udp();
    const { stamps } = record(socket);
    socket.send(pool.tryAcquire() as never, 1000);
    await socket.flush();
    expect(stamps).toEqual([]);
    expect(socket.info().timestamps).toBe('off');
    expect(socket.stats()).toMatchObject({ timestamps: 0, latency: {} });
  });

  it('tell of TCP when the peer has acknowledged', overLoopback(family), async () => {
    const server = createServer((peer) => peer.resume()).listen(0, address);
    await once(server, 'listening');
    closers.push(() => server.close());
    const { port } = server.address() as AddressInfo;
    const pool = new BufferPool({ count: 16 });
    closers.push(() => pool.close());
    const socket = await TcpSocket.connect({ host: address, port, timestamps: 'software' });
    closers.push(() => socket.close());
    const { stamps, completed } = record(socket);
    for (let id = 0; id < 10; id++) {
      socket.send(pool.tryAcquire() as never, 20_000);
      await socket.flush(); // one after the other, so that no two share a segment
      await drainTo(3 * (id + 1), stamps, socket);
    }
    expect(completed).toEqual([...Array(10).keys()]);
    for (const stage of ['scheduled', 'sent', 'acknowledged'] as const) {
      const ids = stamps.filter((stamp) => stamp.stage === stage).map(({ id }) => id);
      expect([...new Set(ids)]).toEqual([...Array(10).keys()]);
    }
    const of = (stage: string) => stamps.find((s) => s.id === 3 && s.stage === stage)?.time ?? 0n;
    expect(of('scheduled') <= of('sent')).toBe(true);
    expect(of('sent') < of('acknowledged')).toBe(true);
  });
});
