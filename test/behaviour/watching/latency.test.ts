import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { TcpSocket } from 'zerosend';
import { spinUntil, turn, until, within } from '../../support/deadline.js';
import { connectAndMeet, makePool, openTo, startPeer } from '../../support/endpoints.js';

const MS = 1e6;

describe('latency of completion', () => {
  it('of a peer that stops reading is what it made its sender wait', async () => {
    const peer = await startPeer({ protocol: 'tcp', family: 4, paused: true, rcvbuf: 65_536 });
    const socket: TcpSocket = await connectAndMeet(peer, {
      zeroCopy: 'always',
      sendBufferSize: 200_000,
      measureLatency: true,
    });
    const pool = makePool({ bufferSize: 65_536, count: 64 });
    const sentAt: number[] = [];
    const took: number[] = [];
    socket.on('complete', ({ first, last }) => {
      for (let id = first; id <= last; id++) {
        took.push((performance.now() - (sentAt[id] as number)) * MS);
      }
    });
    const send = () => {
      const buffer = pool.tryAcquire();
      if (buffer === null) return false;
      sentAt[socket.nextId] = performance.now();
      socket.send(buffer, 65_536);
      return true;
    };
    while (send());
    const { id, age } = socket.stats().oldest ?? { id: -1, age: 0 };
    expect(id).toBe(socket.nextId - socket.inFlight);
    expect(age).toBeGreaterThan(0);
    const waitUntil = performance.now() + 60;
    await until(() => performance.now() > waitUntil, 'the peer keeps it waiting');
    expect(socket.stats().oldest?.age).toBeGreaterThan(60 * MS);
    await peer.resume();
    await within(socket.flush(), 'all has completed', 30_000);
    const { completionLatency, mostInFlight, oldest } = socket.stats();
    expect(completionLatency?.count).toBe(took.length);
    expect(oldest).toBeNull();
    expect(mostInFlight).toBeGreaterThan(1);
    expect(mostInFlight).toBeLessThanOrEqual(64);
    // Sends of one burst may share a time, and be measured from the first of them.
    const whole = (performance.now() - (sentAt[0] as number)) * MS;
    expect(completionLatency?.max).toBeLessThanOrEqual(whole);
    expect(completionLatency?.max).toBeGreaterThan(60 * MS);
    const mean = took.reduce((sum, each) => sum + each, 0) / took.length;
    expect(completionLatency?.mean).toBeGreaterThan(mean / 2);
    expect(pool.stats().mostInFlight).toBe(64);
    await socket.close();
    expect(socket.stats().completionLatency?.count).toBe(took.length);
  });

  it.each(['always', 'never'] as const)(
    'ends when the completion is taken in: zeroCopy %s',
    async (zeroCopy) => {
      const peer = await startPeer({ protocol: 'udp', family: 4 });
      const socket = await openTo(peer, { zeroCopy, measureLatency: true });
      const pool = makePool({ bufferSize: 4096, count: 4 });
      for (let sent = 1; sent <= 20; sent++) {
        const buffer = await pool.acquire();
        await turn(); // what is sent in one turn may share a time
        const { completionLatency: before } = socket.stats();
        const sendBegins = performance.now();
        socket.send(buffer, 1000);
        const sendEnds = performance.now();
        let pollBegins = sendEnds;
        do {
          const goOn = performance.now() + 0.2;
          spinUntil(() => performance.now() > goOn, 'the time passes');
          pollBegins = performance.now();
        } while (socket.poll() === 0);
        const pollEnds = performance.now();
        // What is counted later is counted as what it was.
        spinUntil(() => performance.now() > pollEnds + 2, 'the program computes');
        const { completionLatency: after } = socket.stats();
        const took = (after?.mean ?? 0) * sent - (before?.mean ?? 0) * (sent - 1);
        expect(after?.count).toBe(sent);
        const rounding = 2 * sent; // nanoseconds
        expect(took).toBeGreaterThan((pollBegins - sendEnds) * MS - rounding);
        expect(took).toBeLessThan((pollEnds - sendBegins) * MS + rounding);
      }
      await socket.close();
    },
  );

  it.each(['inline', 'thread'] as const)(
    'is that of arrays of another context as well; submit: %s',
    async (submit) => {
      const peer = await startPeer({ protocol: 'udp', family: 4 });
      const socket = await openTo(peer, { zeroCopy: 'always', measureLatency: true, submit });
      const bytes: Uint8Array = runInNewContext('new Uint8Array(1000)');
      expect(bytes).not.toBeInstanceOf(Uint8Array);
      for (let id = 0; id < 3; id++) expect(socket.send(bytes)).toBe(id);
      await within(socket.flush(), 'all has completed');
      expect(socket.stats().completionLatency?.count).toBe(3);
      expect(await socket.close()).toMatchObject({ ids: 3, unfinished: 0 });
    },
  );

  it('is the same for all sends of a pool and of the socket that makes them', async () => {
    const peer = await startPeer({ protocol: 'udp', family: 4 });
    const socket = await openTo(peer, { zeroCopy: 'always', measureLatency: true });
    const pool = makePool({ bufferSize: 4096, count: 16, measureLatency: true });
    for (let sent = 0; sent < 500; ) {
      const run = sent % 2 === 0 ? pool.tryAcquireRun(5) : null;
      const buffer = run === null ? pool.tryAcquire() : null;
      if (run !== null) {
        const { count } = run;
        socket.sendMany(run, 100);
        sent += count;
      } else if (buffer !== null) {
        socket.send(buffer, 1000);
        sent++;
      } else {
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    await within(socket.flush(), 'all has completed');
    const ofSocket = socket.stats().completionLatency;
    const ofPool = pool.stats().completionLatency;
    expect(ofSocket?.count).toBe(socket.stats().sends);
    expect({ ...ofPool, since: 0 }).toEqual({ ...ofSocket, since: 0 });
    const last = ofPool.buckets.at(-1);
    expect(last?.count).toBe(ofPool.count);
  });
});
