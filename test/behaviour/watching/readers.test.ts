import { describe, expect, it } from 'vitest';
import type { CompletionRange } from 'zerosend';
import { turn, until, within } from '../../support/deadline.js';
import { connectAndMeet, makePool, openTo, startPeer } from '../../support/endpoints.js';

/** Whether ranges say each id from the first to the last once, in any order. */
function expectEach(ranges: readonly CompletionRange[], count: number): void {
  const seen = new Uint8Array(count);
  for (const { first, last } of ranges) {
    for (let id = first; id <= last; id++) seen[id] = (seen[id] ?? 0) + 1;
  }
  expect(seen.every((times) => times === 1)).toBe(true);
}

describe('completions()', () => {
  it('of several readers tells each of every id, until the socket has closed', async () => {
    const peer = await startPeer({ protocol: 'udp', family: 4 });
    const socket = await openTo(peer, { zeroCopy: 'always' });
    const pool = makePool({ bufferSize: 4096, count: 32 });
    const heard: CompletionRange[] = [];
    socket.on('complete', (range) => heard.push(range));
    const readers = [socket.completions(), socket.completions({ limit: 100_000 })].map(
      async (reader) => {
        const ranges: CompletionRange[] = [];
        for await (const range of reader) ranges.push(range);
        return ranges;
      },
    );
    for (let i = 0; i < 3000; i++) {
      const buffer = await pool.acquire();
      socket.send(buffer, 200 + (i % 3));
    }
    await socket.close();
    for (const reader of readers) expectEach(await within(reader, 'the end of a reader'), 3000);
    expectEach(heard, 3000);
  });

  it('that nobody comes for ends with an error, and the socket goes on', async () => {
    const peer = await startPeer({ protocol: 'udp', family: 4 });
    const socket = await openTo(peer, { zeroCopy: 'never' });
    const reader = socket.completions({ limit: 3 });
    // Ranges with tags are not merged, and one send a turn makes a range of its own.
    for (let i = 0; i < 6; i++) {
      socket.send(new Uint8Array(10), 10, { tag: i });
      await socket.flush();
    }
    await within(socket.flush(), 'all completes');
    const got: unknown[] = [];
    const reading = (async () => {
      for await (const range of reader) got.push(range.tags);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'ERR_ZEROSEND_READER_BEHIND', id: 3 });
    expect(got).toEqual([[0], [1], [2]]);
    expect(socket.stats().completed).toBe(6);
  });

  it('throws what has ended the socket, which then needs no listener', async () => {
    const peer = await startPeer({ protocol: 'tcp', family: 4, paused: true });
    const socket = await connectAndMeet(peer, { zeroCopy: 'always' });
    const reader = socket.completions();
    const first = socket.send(new Uint8Array(1 << 20));
    const ranges: CompletionRange[] = [];
    const reading = (async () => {
      for await (const range of reader) ranges.push(range);
    })();
    const rejected = expect(within(reading, 'the reset')).rejects.toMatchObject({
      code: 'ECONNRESET',
    });
    await turn();
    await peer.reset();
    await rejected; // which may be before the peer has answered
    expect(ranges.at(-1)?.last).toBe(first);
    const again = socket.completions();
    await expect(again.next()).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(await again.next()).toEqual({ done: true, value: undefined });
  });

  it('is detached by break', async () => {
    const peer = await startPeer({ protocol: 'udp', family: 4 });
    const socket = await openTo(peer);
    const first = socket.send(new Uint8Array(10));
    for await (const range of socket.completions()) {
      expect(range.first).toBe(first);
      break;
    }
    socket.send(new Uint8Array(10));
    await socket.flush();
    await until(() => socket.inFlight === 0, 'it completes');
  });
});
