import { describe, expect, it } from 'vitest';
import type { CloseReport, PooledBuffer, TcpSocket } from 'zerosend';
import type { Receiver } from '../../../rig/index.mjs';
import { announceSeed } from '../../../rig/pattern.mjs';
import { Completions } from '../../support/completions.js';
import { StreamContent } from '../../support/content.js';
import { event, turn, within } from '../../support/deadline.js';
import {
  connectTo,
  expectAllFree,
  families,
  makePool,
  openTo,
  overLoopback,
  startPeer,
} from '../../support/endpoints.js';
import { byThread, expectNeedsDrain } from '../../support/submit.js';

const SENDS = 12;

/** Ids outstanding in the kernel, in the queue, and in both. */
async function outstanding(family: 4 | 6, zeroCopy: 'always' | 'never' = 'always') {
  const peer = await startPeer({ protocol: 'tcp', family, paused: true, rcvbuf: 65_536 });
  const pool = makePool({ bufferSize: 1 << 19 });
  const socket = await connectTo(peer, { zeroCopy });
  const completions = new Completions(socket);
  const errors: Error[] = [];
  socket.on('error', (error) => errors.push(error));
  const content = new StreamContent();
  for (let i = 0; i < SENDS; i++) {
    const buffer = await pool.acquire();
    content.fill(buffer.bytes);
    socket.send(buffer, buffer.bytes.length);
  }
  await expectNeedsDrain(socket);
  return { peer, pool, socket, completions, errors };
}

type Situation = Awaited<ReturnType<typeof outstanding>>;

/**
 * Every id has completed once, and the report says how they ended.
 *
 * Whether an abort has to revoke anything is a matter of microseconds: connect(AF_UNSPEC) empties
 * the write queue, but a packet that has left it, and is on its way through the loopback interface
 * on another core, holds its pages until it has been copied there (measured: 3 to 250 µs, in 1 to 5
 * of 100 aborts in the middle of a stream). An abort does not wait for that; it gives those sends
 * fresh pages (that they protect what is on its way is shown by test/truth/revoke.test.ts, where the
 * link holds it for long).
 */
function expectGivenUp(completions: Completions, report: CloseReport, ids: number): void {
  completions.expectEachOnce(ids);
  const { failed = 0, revoked = 0 } = completions.how;
  expect(report).toMatchObject({
    error: null,
    outcome: revoked > 0 ? 'revoked' : 'aborted',
    ids,
    unfinished: failed + revoked,
  });
}

/** Everything is accounted for, and what the peer got before is right. */
async function expectAccounted(
  { peer, pool, socket, completions, errors }: Situation,
  report: CloseReport,
): Promise<void> {
  expectGivenUp(completions, report, SENDS);
  expect(report.unfinished).toBeGreaterThan(0);
  expectAllFree(pool);
  expect(socket.inFlight).toBe(0);
  expect(socket.fd).toBe(-1);
  expect(errors).toEqual([]); // nothing has gone wrong: it was asked for
  await expectReset(peer);
}

async function expectReset(peer: Receiver): Promise<void> {
  await peer.resume();
  await peer.until(({ open }) => open === 0);
  expect(await peer.stop()).toMatchObject({ resets: 1, eof: 0, wrongBytes: 0 });
}

for (const family of families) {
  describe(`over IPv${family}`, overLoopback(family), () => {
    it.each(['always', 'never'] as const)(
      'zeroCopy %s: close() past its timeout gives up and says so',
      async (zeroCopy) => {
        const situation = await outstanding(family, zeroCopy);
        const before = performance.now();
        const report = await within(situation.socket.close({ timeout: 200 }), 'close()', 5000);
        expect(performance.now() - before).toBeGreaterThan(190);
        await expectAccounted(situation, report);
      },
    );

    it.each(['always', 'never'] as const)('zeroCopy %s: abort() ends at once', async (zeroCopy) => {
      const situation = await outstanding(family, zeroCopy);
      const report = await within(situation.socket.abort(), 'abort()', 2000);
      await expectAccounted(situation, report);
    });
  });
}

describe('giving up', () => {
  it('close({ timeout: 0 }) is done in the next turns', async () => {
    const situation = await outstanding(4);
    const report = await within(situation.socket.close({ timeout: 0 }), 'close()', 2000);
    await expectAccounted(situation, report);
  });

  it('abort() cuts a close() short', async () => {
    const situation = await outstanding(4);
    const closing = situation.socket.close({ timeout: 60_000 });
    await turn();
    const aborting = situation.socket.abort();
    const report = await within(aborting, 'abort()', 2000);
    expect(await within(closing, 'close()', 2000)).toBe(report);
    await expectAccounted(situation, report);
  });

  it('abort() does not call listeners before it returns', async () => {
    const { socket } = await outstanding(4);
    let within_ = true;
    const calls: boolean[] = [];
    socket.on('complete', () => calls.push(within_));
    socket.on('close', () => calls.push(within_));
    const aborting = socket.abort();
    within_ = false;
    await within(aborting, 'abort()');
    expect(calls.length).toBeGreaterThan(1);
    expect(calls).not.toContain(true);
  });

  it('abort() works within a complete listener', async () => {
    const peer = await startPeer({ protocol: 'tcp', seed: 'any' });
    const pool = makePool({ bufferSize: 102_400 });
    // Often, because it is seldom that a packet is just being copied by the other core.
    for (let seed = 1; seed <= 60; seed++) {
      const socket = await connectTo(peer, { zeroCopy: 'always' });
      const completions = new Completions(socket);
      const closed = event<CloseReport>(socket, 'close');
      socket.once('complete', () => void socket.abort());
      const content = new StreamContent(seed);
      for (let i = 0; i < 10; i++) {
        // Within one turn: after the next the socket may be closed.
        const buffer = pool.tryAcquire() as PooledBuffer;
        content.fill(buffer.bytes);
        if (i === 0) announceSeed(buffer.bytes, seed);
        socket.send(buffer, buffer.bytes.length);
      }
      const report = await within(closed, 'close');
      expectGivenUp(completions, report, 10);
      expectAllFree(pool);
    }
    expect(await peer.stop()).toMatchObject({ wrongBytes: 0 });
  });

  it('of a UDP socket completes every id', async () => {
    const peer = await startPeer({ protocol: 'udp' });
    const pool = makePool();
    const socket = await openTo(peer, { zeroCopy: 'always' });
    const completions = new Completions(socket);
    for (let i = 0; i < 10; i++) socket.send(await pool.acquire(), 1000);
    const report = await within(socket.abort(), 'abort()');
    expectGivenUp(completions, report, 10);
    expectAllFree(pool);
    // docs/submission-thread.md, "abort()": what the thread has not handed over fails.
    if (!byThread) expect(completions.how.failed).toBeUndefined();
  });

  it('is no error, however often and at whatever moment it happens', async () => {
    const peer = await startPeer({ protocol: 'tcp', paused: true });
    const errors: Error[] = [];
    const sockets: TcpSocket[] = [];
    for (let i = 0; i < 200; i++) {
      const socket = await connectTo(peer, { zeroCopy: 'always', sendBufferSize: 16_384 });
      sockets.push(socket);
      socket.on('error', (error) => errors.push(error));
      const completions = new Completions(socket);
      socket.send(Buffer.alloc(1 << 20));
      for (let j = 0; j < i % 5; j++) await turn(); // busy, idle, and in between
      const report = await within(socket.abort(), 'abort()');
      expectGivenUp(completions, report, 1);
      expect(report.unfinished).toBe(1);
    }
    expect(errors).toEqual([]);
  });
});
