import { describe, expect, it } from 'vitest';
import type { CloseReport, TcpSocket } from 'zerosend';
import { Completions } from '../../support/completions.js';
import { DatagramContent, StreamContent } from '../../support/content.js';
import { event, turn, within } from '../../support/deadline.js';
import {
  connectAndMeet,
  connectTo,
  expectAllFree,
  families,
  makePool,
  openTo,
  overLoopback,
  startPeer,
} from '../../support/endpoints.js';
import { Program } from '../../support/program.js';
import { expectIntact } from '../../support/receiver.js';

/** Sends more than kernel and peer hold, so that ids are outstanding until the peer reads. */
function sendAhead(socket: TcpSocket, content: StreamContent, count = 10): void {
  for (let i = 0; i < count; i++) {
    const bytes = Buffer.alloc(500_000);
    content.fill(bytes);
    socket.send(bytes);
  }
}

const slow = { protocol: 'tcp', paused: true, rcvbuf: 65_536 } as const;
/** Reads hardly anything until it is resumed, but can talk. */
const talking = { protocol: 'tcp', stopAfter: 1000, rcvbuf: 65_536 } as const;

for (const family of families) {
  describe(`close() with ids outstanding, over IPv${family}`, overLoopback(family), () => {
    it.each(['always', 'never'] as const)(
      'zeroCopy %s: drains, and the peer gets every byte and a FIN',
      async (zeroCopy) => {
        const peer = await startPeer({ ...slow, family });
        const socket = await connectTo(peer, { zeroCopy, sendBufferSize: 65_536 });
        const completions = new Completions(socket);
        const content = new StreamContent();
        sendAhead(socket, content);
        let ended: CloseReport | null = null;
        const closing = socket.close().then((report) => {
          ended = report;
        });
        for (let i = 0; i < 5; i++) await turn();
        expect(ended).toBeNull();
        expect(socket.inFlight).toBeGreaterThan(0);
        await peer.resume();
        await within(closing, 'close()');
        expect(ended).toMatchObject({ outcome: 'drained', ids: 10, unfinished: 0 });
        completions.expectEachOnce(10);
        expect(socket.fd).toBe(-1);
        await expectIntact(peer, { bytes: content.position });
        await peer.until(({ eof }) => eof === 1);
        expect(await peer.stop()).toMatchObject({ accepted: 1, eof: 1, resets: 0 });
      },
    );

    it('also when the data went out inline and is not acknowledged yet', async () => {
      const peer = await startPeer({ ...slow, family });
      const socket = await connectTo(peer, { zeroCopy: 'never', sendBufferSize: 4_000_000 });
      const content = new StreamContent();
      sendAhead(socket, content, 4);
      await within(socket.flush(), 'inline sends'); // all complete, most of it unacknowledged
      let ended = false;
      const closing = socket.close().then((report) => {
        ended = true;
        return report;
      });
      for (let i = 0; i < 20; i++) await turn();
      expect(ended).toBe(false);
      await peer.resume();
      expect(await within(closing, 'close()')).toMatchObject({ outcome: 'drained', ids: 4 });
      await expectIntact(peer, { bytes: content.position });
      await peer.until(({ eof }) => eof === 1);
      expect(await peer.stop()).toMatchObject({ eof: 1, resets: 0 });
    });

    it('also when the peer talks meanwhile: what it says is read, so there is no RST', async () => {
      const peer = await startPeer({ ...talking, family, keepOpen: true });
      const socket = await connectAndMeet(peer, { zeroCopy: 'always', sendBufferSize: 65_536 });
      const content = new StreamContent();
      sendAhead(socket, content);
      const said = 8_000_000; // more than the kernel would hold for us
      await peer.send(said / 2);
      const closing = socket.close();
      await peer.send(said / 2);
      await peer.until(({ sentBytes }) => sentBytes === said);
      await peer.resume();
      expect(await within(closing, 'close()')).toMatchObject({ outcome: 'drained', ids: 10 });
      expect(socket.stats().discardedBytes).toBe(said);
      await expectIntact(peer, { bytes: content.position });
      await peer.until(({ eof }) => eof === 1);
      expect(await peer.stop()).toMatchObject({ eof: 1, resets: 0 });
    });
  });
}

describe('without timers', () => {
  it('a connection to this host is up at once, and close() hears of the end of its peer', async () => {
    const fast = await startPeer({ protocol: 'tcp' });
    const peer = await startPeer(slow);
    const url = new URL('./programs/without-timers.mjs', import.meta.url);
    const program = new Program(url, { fast: fast.port, slow: peer.port });
    const { wakes, open } = await program.next('closing');
    expect(Math.min(...wakes)).toBe(0); // a busy machine may take longer for some
    expect(open).toBe(true);
    await peer.resume();
    expect(await program.next('closed')).toMatchObject({ outcome: 'drained', ids: 1 });
    expect(await program.exit()).toMatchObject({ code: 0, stderr: '' });
    await peer.until(({ bytes, eof }) => bytes === 400_000 && eof === 1);
  });
});

describe('close()', () => {
  it('of a socket whose peer never stops talking ends, and the peer has every byte', async () => {
    const peer = await startPeer(talking);
    const socket = await connectAndMeet(peer, { zeroCopy: 'always' });
    const content = new StreamContent();
    sendAhead(socket, content);
    let ended = false;
    const talk = (async () => {
      while (!ended) await peer.send(20_000);
    })();
    const closing = socket.close();
    await peer.resume();
    const report = await within(closing, 'close()');
    ended = true;
    await talk;
    expect(report).toMatchObject({ outcome: 'drained', ids: 10 });
    // What it says once the descriptor is closed is answered by a reset, behind everything we sent.
    await peer.until(({ open }) => open === 0);
    expect(socket.stats().discardedBytes).toBeGreaterThan(0);
    const { connections = [], ...last } = await peer.stop();
    expect(last).toMatchObject({ bytes: content.position, wrongBytes: 0, eof: 1 });
    expect(connections[0]).toMatchObject({ eof: true });
  });

  it('of a socket that never sent ends at once, with a FIN', async () => {
    const peer = await startPeer({ protocol: 'tcp' });
    const socket = await connectTo(peer);
    const report = event<CloseReport>(socket, 'close');
    const closing = socket.close({ timeout: 60_000 });
    expect(await within(closing, 'close()')).toEqual({
      outcome: 'drained',
      ids: 0,
      unfinished: 0,
      bytesAccepted: 0,
      bytesAcknowledged: 0,
      error: null,
    });
    expect(await report).toEqual(await closing);
    await peer.until(({ eof }) => eof === 1);
  });

  it('of a UDP socket drains', async () => {
    const peer = await startPeer({ protocol: 'udp' });
    const pool = makePool();
    const socket = await openTo(peer, { zeroCopy: 'always' });
    const completions = new Completions(socket);
    const content = new DatagramContent();
    for (let i = 0; i < 10; i++) {
      const buffer = await pool.acquire();
      content.fill(buffer.bytes, 1400);
      socket.send(buffer, 1400);
    }
    const report = await within(socket.close(), 'close()');
    expect(report).toMatchObject({ outcome: 'drained', ids: 10, unfinished: 0 });
    completions.expectEachOnce(10);
    expectAllFree(pool);
    await expectIntact(peer, { datagrams: 10 });
  });

  it('called twice gives the same promise, and one close event', async () => {
    const peer = await startPeer({ protocol: 'tcp' });
    const socket = await connectTo(peer);
    let events = 0;
    socket.on('close', () => {
      events++;
    });
    socket.send(Buffer.alloc(100_000));
    const first = socket.close();
    expect(socket.close({ timeout: 0 })).toBe(first);
    const report = await within(first, 'close()');
    expect(socket.close()).toBe(first);
    expect(await within(socket.abort(), 'abort() afterwards')).toBe(report);
    for (let i = 0; i < 3; i++) await turn();
    expect(events).toBe(1);
  });

  it('is the last event, after all completions', async () => {
    const peer = await startPeer({ protocol: 'tcp' });
    const socket = await connectTo(peer, { zeroCopy: 'always' });
    const events: string[] = [];
    let outstanding = 20;
    socket.on('complete', ({ first, last }) => {
      outstanding -= last - first + 1;
      events.push('complete');
    });
    socket.on('close', () => events.push(`close with ${outstanding} outstanding`));
    for (let i = 0; i < 20; i++) socket.send(Buffer.alloc(100_000));
    await within(socket.close(), 'close()');
    await turn();
    expect(events.at(-1)).toBe('close with 0 outstanding');
    expect(events.filter((name) => name.startsWith('close'))).toHaveLength(1);
  });

  it('works within a complete listener', async () => {
    const peer = await startPeer({ protocol: 'tcp' });
    const socket = await connectTo(peer, { zeroCopy: 'always' });
    const completions = new Completions(socket);
    const content = new StreamContent();
    let closing: Promise<CloseReport> | undefined;
    socket.once('complete', () => {
      closing = socket.close();
    });
    let sent = 0;
    for (; closing === undefined && sent < 100_000; sent++) {
      const bytes = Buffer.alloc(10_000);
      content.fill(bytes);
      try {
        expect(socket.send(bytes)).toBe(sent);
      } catch (error) {
        // The listener ran within this very send.
        expect(error).toMatchObject({ code: 'ERR_ZEROSEND_SOCKET_CLOSED' });
        content.undo();
        break;
      }
    }
    const report = await within(closing as Promise<CloseReport>, 'close()');
    expect(report).toMatchObject({ outcome: 'drained', ids: sent, unfinished: 0 });
    completions.expectEachOnce(sent);
    await expectIntact(peer, { bytes: content.position });
  });

  it('is what asynchronous disposal does', async () => {
    const peer = await startPeer({ protocol: 'tcp' });
    const socket = await connectTo(peer);
    const bytes = Buffer.alloc(50_000);
    new StreamContent().fill(bytes);
    socket.send(bytes);
    expect(await within(socket[Symbol.asyncDispose](), 'disposal')).toBeUndefined();
    expect(socket.fd).toBe(-1);
    await expectIntact(peer, { bytes: 50_000 });
  });
});
