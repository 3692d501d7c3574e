import { describe, expect, it } from 'vitest';
import { until, within } from '../../support/deadline.js';
import { connectAndMeet, makePool, openTo, startPeer } from '../../support/endpoints.js';

describe('info().tcp', () => {
  it('tells what a peer has acknowledged, and that it has no room when it stops reading', async () => {
    const peer = await startPeer({ protocol: 'tcp', family: 4, rcvbuf: 65_536 });
    const socket = await connectAndMeet(peer, { sendBufferSize: 300_000 });
    const fresh = socket.info().tcp;
    for (const value of Object.values(fresh ?? {})) expect(value).toBeTypeOf('number');
    expect(fresh).toMatchObject({ acknowledgedBytes: 0, retransmittedSegments: 0 });
    expect(fresh?.segmentSizeBytes).toBeGreaterThan(500);
    expect(fresh?.sendWindowBytes).toBeGreaterThan(0);
    expect(fresh?.congestionWindowSegments).toBeGreaterThan(0);

    socket.send(new Uint8Array(50_000));
    await until(() => socket.info().tcp?.acknowledgedBytes === 50_000, 'all is acknowledged');
    const after = socket.info().tcp;
    expect(after).toMatchObject({ notSentBytes: 0, unacknowledgedSegments: 0, lostSegments: 0 });
    expect(after?.roundTripMicroseconds).toBeGreaterThan(0);
    expect(after?.roundTripMicroseconds).toBeLessThan(10e6);
    expect(after?.leastRoundTripMicroseconds).toBeLessThanOrEqual(10e6);

    await peer.pause();
    const pool = makePool({ bufferSize: 65_536, count: 64 });
    while (!socket.needDrain) socket.send(pool.tryAcquire() ?? new Uint8Array(65_536), 65_536);
    await until(() => (socket.info().tcp?.notSentBytes ?? 0) > 0, 'the window closes');
    await until(() => (socket.info().tcp?.sendWindowBytes ?? 1e9) < 65_536, 'no room is left');
    await peer.resume();
    await within(socket.flush(), 'all goes out', 30_000);
    await socket.close();
    expect(socket.info().tcp).toBeNull();
  });

  it('is null of a connection that was reset, and of sockets that have none', async () => {
    const peer = await startPeer({ protocol: 'tcp', family: 4 });
    const socket = await connectAndMeet(peer);
    socket.on('error', () => {});
    expect(socket.info().tcp).not.toBeNull();
    await peer.reset();
    await until(() => socket.info().tcp === null, 'the reset arrives');
    const udp = await openTo(await startPeer({ protocol: 'udp', family: 4 }));
    expect(udp.info().tcp).toBeNull();
  });
});
