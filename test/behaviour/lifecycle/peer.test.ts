import { describe, expect, it } from 'vitest';
import type { CloseReport } from 'zerosend';
import { Completions } from '../../support/completions.js';
import { StreamContent } from '../../support/content.js';
import { event, turn, until, within } from '../../support/deadline.js';
import {
  connectAndMeet,
  expectAllFree,
  families,
  makePool,
  overLoopback,
  startPeer,
} from '../../support/endpoints.js';
import { expectIntact } from '../../support/receiver.js';
import { expectNeedsDrain } from '../../support/submit.js';

for (const family of families) {
  describe(`a peer that resets, over IPv${family}`, overLoopback(family), () => {
    it.each(['always', 'never'] as const)(
      'zeroCopy %s: with sends outstanding: the completions, one error, then close',
      async (zeroCopy) => {
        const peer = await startPeer({ protocol: 'tcp', family, paused: true, rcvbuf: 65_536 });
        const pool = makePool({ bufferSize: 1 << 19 });
        const socket = await connectAndMeet(peer, { zeroCopy });
        const completions = new Completions(socket);
        const events: string[] = [];
        let error: Error | undefined;
        socket.on('complete', () => events.push('complete'));
        socket.on('error', (reported) => {
          error = reported;
          expect(completions.completed).toBe(12);
          expectAllFree(pool);
          events.push('error');
        });
        const closed = event<CloseReport>(socket, 'close');
        socket.on('close', () => events.push('close'));
        for (let i = 0; i < 12; i++) socket.send(await pool.acquire(), pool.bufferSize);
        await expectNeedsDrain(socket);

        await peer.reset();
        const report = await closed;
        await turn();
        completions.expectEachOnce(12);
        expect(events.slice(-2)).toEqual(['error', 'close']);
        expect(events.slice(0, -2)).toEqual(events.slice(0, -2).fill('complete'));
        expect(error).toMatchObject({ code: 'ECONNRESET', errno: -104 });
        const { failed = 0, revoked = 0 } = completions.how;
        expect(report).toMatchObject({ outcome: 'aborted', ids: 12, unfinished: failed });
        expect([failed > 0, revoked]).toEqual([true, 0]);
        expect(() => socket.send(Buffer.alloc(1))).toThrow(/closed|ECONNRESET/);
        expect(socket.fd).toBe(-1);
      },
    );

    it('while a loop sends: the send that meets it throws, takes no id, and leaves the buffer', async () => {
      const peer = await startPeer({ protocol: 'tcp', family, resetAfter: 1_000_000 });
      const pool = makePool();
      const socket = await connectAndMeet(peer, { zeroCopy: 'always' });
      const completions = new Completions(socket);
      const errors: Error[] = [];
      socket.on('error', (error) => errors.push(error));
      const closed = event<CloseReport>(socket, 'close');
      let sent = 0;
      let thrown: unknown;
      const end = performance.now() + 10_000;
      while (thrown === undefined && performance.now() < end) {
        const buffer = pool.tryAcquire();
        if (buffer === null) continue;
        try {
          const id = socket.send(buffer, pool.bufferSize);
          expect(id).toBe(sent++);
        } catch (error) {
          thrown = error;
          expect(socket.nextId).toBe(sent);
          buffer.release();
        }
      }
      expect(['ECONNRESET', 'EPIPE', 'ERR_ZEROSEND_SOCKET_CLOSED']).toContain(
        (thrown as { code: string }).code,
      );
      const report = await closed;
      completions.expectEachOnce(sent);
      expect(report).toMatchObject({ outcome: 'aborted', ids: sent });
      expect(errors).toHaveLength(1);
      expectAllFree(pool);
    });

    it('while idle: error, then close, without any call', async () => {
      const peer = await startPeer({ protocol: 'tcp', family });
      const socket = await connectAndMeet(peer);
      const content = new StreamContent();
      const bytes = Buffer.alloc(1000);
      content.fill(bytes);
      socket.send(bytes);
      await within(socket.flush(), 'flush()');
      await expectIntact(peer, { bytes: 1000 });
      for (let i = 0; i < 5; i++) await turn();
      const error = event<Error>(socket, 'error');
      const closed = event<CloseReport>(socket, 'close');
      await peer.reset();
      expect(await error).toMatchObject({ code: 'ECONNRESET' });
      expect(await closed).toMatchObject({ outcome: 'aborted', ids: 1, unfinished: 0 });
    });

    it('while closing: close() ends and tells of it', async () => {
      const peer = await startPeer({ protocol: 'tcp', family, paused: true, rcvbuf: 65_536 });
      const socket = await connectAndMeet(peer, { zeroCopy: 'always' });
      const completions = new Completions(socket);
      let errors = 0;
      socket.on('error', () => {
        errors++;
      });
      for (let i = 0; i < 12; i++) socket.send(Buffer.alloc(500_000));
      const closing = socket.close({ timeout: 60_000 });
      await turn();
      await peer.reset();
      const report = await within(closing, 'close()');
      expect(report).toMatchObject({ outcome: 'aborted', ids: 12 });
      expect(report.unfinished).toBe(completions.how.failed);
      completions.expectEachOnce(12);
      expect(errors).toBe(1);
    });
  });
}

describe('a peer that ends its own side', () => {
  it('still gets everything, and does not keep the poller busy', async () => {
    const peer = await startPeer({ protocol: 'tcp', keepOpen: true });
    const socket = await connectAndMeet(peer, { zeroCopy: 'always' });
    const completions = new Completions(socket);
    const content = new StreamContent();
    const send = (count: number) => {
      for (let i = 0; i < count; i++) {
        const bytes = Buffer.alloc(100_000);
        content.fill(bytes);
        socket.send(bytes);
      }
    };
    send(5);
    expect(socket.info().peerClosed).toBe(false);
    await peer.halfClose();
    await until(() => socket.info().peerClosed, 'info().peerClosed');
    send(20);
    await within(socket.flush(), 'flush()');
    completions.expectEachOnce(25);
    await expectIntact(peer, { bytes: content.position });

    // Idle now. Level-triggered events that nobody takes away would wake the poller for ever.
    for (let i = 0; i < 10; i++) await turn();
    const { wakes } = socket.stats();
    await peer.until(({ seconds }) => seconds > 0, { interval: 1 });
    for (let i = 0; i < 20; i++) await peer.report(); // some milliseconds go by
    expect(socket.stats().wakes - wakes).toBeLessThanOrEqual(1);

    const report = await within(socket.close(), 'close()');
    expect(report).toMatchObject({ outcome: 'drained', ids: 25, unfinished: 0 });
    await peer.until(({ eof }) => eof === 1);
    expect(await peer.stop()).toMatchObject({ eof: 1, resets: 0 });
  });

  it('and reads no more is found out by the next sends', async () => {
    const peer = await startPeer({ protocol: 'tcp' });
    const socket = await connectAndMeet(peer, { zeroCopy: 'always' });
    const completions = new Completions(socket);
    const error = event<Error>(socket, 'error');
    const closed = event<CloseReport>(socket, 'close');
    await peer.closeConnections(); // what comes from now on is answered by a reset
    await until(() => socket.info().peerClosed, 'info().peerClosed');
    let sent = 0;
    socket.send(Buffer.alloc(1000));
    sent++;
    expect(['ECONNRESET', 'EPIPE']).toContain(((await error) as { code?: string }).code);
    expect(await closed).toMatchObject({ outcome: 'aborted', ids: sent });
    completions.expectEachOnce(sent);
  });

  it('what it says before is read and dropped, however much it is', async () => {
    const peer = await startPeer({ protocol: 'tcp' });
    const socket = await connectAndMeet(peer);
    const said = 30_000_000;
    await peer.send(said);
    await peer.until(({ sentBytes }) => sentBytes === said);
    await until(() => socket.stats().discardedBytes === said, 'all of it');
    socket.send(Buffer.alloc(1));
    expect(await within(socket.close(), 'close()')).toMatchObject({ outcome: 'drained', ids: 1 });
  });
});
