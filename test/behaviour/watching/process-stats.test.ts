import { describe, expect, it } from 'vitest';
import { processStats, UdpSocket } from 'zerosend';
import { until, within } from '../../support/deadline.js';
import { connectAndMeet, makePool, openTo, startPeer } from '../../support/endpoints.js';

/** Sends three times on a socket that nobody refers to any more, nor closes. */
async function forgetOne(port: number): Promise<void> {
  const socket = await UdpSocket.open({ remote: { address: '127.0.0.1', port } });
  for (let i = 0; i < 3; i++) socket.send(new Uint8Array(100));
  await socket.flush();
}

describe('processStats()', () => {
  it('sums up what there is and what there was, and never falls', async () => {
    const before = processStats();
    const udpPeer = await startPeer({ protocol: 'udp', family: 4 });
    const one = await openTo(udpPeer, { zeroCopy: 'always' });
    const other = await openTo(udpPeer, { zeroCopy: 'always' });
    const tcpPeer = await startPeer({ protocol: 'tcp', family: 4 });
    const tcp = await connectAndMeet(tcpPeer);
    const pool = makePool({ bufferSize: 8192, count: 4 });
    for (const socket of [one, other, tcp]) {
      socket.send(pool.tryAcquire() ?? new Uint8Array(1000), 1000);
      socket.send(new Uint8Array(500));
    }
    await Promise.all([one.flush(), other.flush(), tcp.flush()]);
    const during = processStats();
    const grown = (name: 'sends' | 'bytes' | 'completed' | 'opened' | 'closed' | 'open') =>
      during.sockets[name] - before.sockets[name];
    expect(grown('sends')).toBe(6);
    expect(grown('bytes')).toBe(4500);
    expect(grown('completed')).toBe(6);
    expect([grown('opened'), grown('closed'), grown('open')]).toEqual([3, 0, 3]);
    expect(during.byProtocol.udp.sends - before.byProtocol.udp.sends).toBe(4);
    expect(during.byProtocol.tcp.sends - before.byProtocol.tcp.sends).toBe(2);
    const latency = during.sockets.completionLatency;
    expect(latency.count - before.sockets.completionLatency.count).toBe(6);
    expect(latency.since).toBeLessThanOrEqual(before.sockets.completionLatency.since + 1);
    expect(during.pools.open - before.pools.open).toBe(1);
    expect(during.pools.bytes - before.pools.bytes).toBe(4 * 8192);

    await Promise.all([one.close(), tcp.close()]);
    const after = processStats();
    expect(after.sockets.sends).toBe(during.sockets.sends);
    expect(after.sockets.completionLatency.count).toBe(latency.count);
    expect(after.sockets.closed - before.sockets.closed).toBe(2);
    expect(after.sockets.open - before.sockets.open).toBe(1);
    await other.close();
    await pool.close();
    expect(processStats().pools.open).toBe(before.pools.open);
    expect(processStats().sockets.sends - before.sockets.sends).toBe(6);
  });

  it('has a socket among the open ones from its garbage collection until it is closed', async () => {
    const peer = await startPeer({ protocol: 'udp', family: 4 });
    const before = processStats().sockets;
    await forgetOne(peer.port);
    await until(() => {
      globalThis.gc?.();
      const { sends, opened, open, closed } = processStats().sockets;
      expect(sends - before.sends).toBe(3);
      expect(opened - closed).toBe(open);
      return closed > before.closed;
    }, 'the forgotten socket to be closed');
  });

  it('names the oldest in flight, counts who waits, and errors', async () => {
    const before = processStats();
    const peer = await startPeer({ protocol: 'tcp', family: 4, paused: true, rcvbuf: 65_536 });
    const socket = await connectAndMeet(peer, { sendBufferSize: 200_000 });
    socket.on('error', () => {});
    const pool = makePool({ bufferSize: 4096, count: 1 });
    const held = pool.tryAcquire();
    const waiting = pool.acquire();
    do socket.send(new Uint8Array(65_536));
    while (!socket.needDrain);
    const during = processStats();
    expect(during.sockets.inFlight).toBe(before.sockets.inFlight + socket.inFlight);
    expect(during.sockets.waitingForRoom).toBe(before.sockets.waitingForRoom + 1);
    expect(during.pools.waiting).toBe(before.pools.waiting + 1);
    expect(during.pools.dry).toBeGreaterThan(before.pools.dry);
    expect(during.sockets.oldest).toMatchObject({ fd: socket.fd });
    held?.release();
    (await waiting).release();
    await peer.reset();
    await until(() => socket.fd === -1, 'the socket has ended');
    expect(processStats().sockets.errors).toBe(before.sockets.errors + 1);
    await within(socket.close(), 'it is closed');
  });
});
