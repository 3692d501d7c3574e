// Completions that are withheld: the error queue answers EAGAIN for a while, though they are there.
import { describe, expect, it } from 'vitest';
import { clearFaultsAfterEach, eventually, keepInFlight, sharedTcpReceiver } from './peers.js';
import { clearFaults, inject, TcpSocket } from './zerosend.mjs';

const peer = sharedTcpReceiver();
clearFaultsAfterEach();

describe('completions that come late', () => {
  it('are named by stall, complete all the same, and are measured as late as they were', async () => {
    const socket = await TcpSocket.connect({
      host: '127.0.0.1',
      port: peer.current.port,
      zeroCopy: 'always',
      stallAfter: 20,
    });
    const late: number[] = [];
    const done: number[] = [];
    const tags: unknown[] = [];
    socket.on('stall', ({ first, last, age, tags: own = [] }) => {
      expect(age).toBeGreaterThan(20);
      for (let id = first; id <= last; id++) late.push(id);
      tags.push(...own);
    });
    socket.on('complete', ({ first, last }) => {
      for (let id = first; id <= last; id++) done.push(id);
    });
    keepInFlight();
    const ids = Array.from({ length: 5 }, (_, i) =>
      socket.send(new Uint8Array(20_000), undefined, { tag: `tag ${i}` }),
    );
    await eventually(() => late.length).toBe(ids.length);
    expect(done).toEqual([]);
    expect(late).toEqual(ids);
    expect(tags).toEqual(ids.map((_, i) => `tag ${i}`));
    expect(socket.stats().oldest?.id).toBe(ids[0]);
    clearFaults();
    await socket.flush();
    expect(done).toEqual(ids);
    expect(late).toEqual(ids);
    const { completionLatency, stalled } = socket.stats();
    expect(stalled).toBe(5);
    expect(completionLatency?.count).toBe(5);
    expect(completionLatency?.min).toBeGreaterThan(20e6);
    await socket.close();
  });

  it('of an older kernel, TCP_INFO has nulls for what it does not tell', async () => {
    const socket = await TcpSocket.connect({ host: '127.0.0.1', port: peer.current.port });
    // Up to tcpi_total_retrans, as of Linux before 3.15.
    inject('getsockopt', { only: 11, limit: 104, times: 2 });
    const old = socket.info().tcp;
    expect(old).toMatchObject({
      acknowledgedBytes: null,
      notSentBytes: null,
      sendWindowBytes: null,
      deliveryBytesPerSecond: null,
      retransmittedSegments: 0,
    });
    expect(old?.roundTripMicroseconds).toBeGreaterThan(0);
    clearFaults();
    expect(socket.info().tcp?.acknowledgedBytes).toBe(0);
    inject('getsockopt', { only: 11, error: 'ENOPROTOOPT', times: 2 });
    expect(socket.info().tcp).toBeNull();
    clearFaults();
    await socket.close();
  });
});
