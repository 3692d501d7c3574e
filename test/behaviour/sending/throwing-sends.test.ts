import { describe, expect, it } from 'vitest';
import { BufferPool, type PooledBuffer, type ZeroCopySocket } from 'zerosend';
import { Completions } from '../../support/completions.js';
import { DatagramContent, StreamContent } from '../../support/content.js';
import { within } from '../../support/deadline.js';
import { connectTo, expectAllFree, makePool, openTo, startPeer } from '../../support/endpoints.js';
import { expectIntact } from '../../support/receiver.js';
import { itInline } from '../../support/submit.js';

interface CodedError extends Error {
  code: string;
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return (error as CodedError).code;
  }
  throw new Error('did not throw');
}

/** Sends that cannot be, with the code of each. `buffer` must be acquired. */
function impossible(socket: ZeroCopySocket, buffer: PooledBuffer): [string, () => unknown][] {
  const foreign = new BufferPool({ bufferSize: 4096, count: 1, hugePages: 'none' });
  const free = foreign.tryAcquire() as PooledBuffer;
  free.release();
  const range = 'ERR_ZEROSEND_OUT_OF_RANGE';
  const argument = 'ERR_ZEROSEND_INVALID_ARGUMENT';
  return [
    [range, () => socket.send(buffer, 0)],
    [range, () => socket.send(buffer, -1)],
    [range, () => socket.send(buffer, 1.5)],
    [range, () => socket.send(buffer, Number.NaN)],
    [range, () => socket.send(buffer, buffer.bytes.length + 1)],
    [argument, () => socket.send(buffer)],
    [argument, () => socket.send('text' as unknown as Uint8Array, 4)],
    [range, () => socket.send(new Uint8Array(0))],
    [range, () => socket.send(new Uint8Array(10), 11)],
    ['ERR_ZEROSEND_BUFFER_FREE', () => socket.send(free, 1)],
    ['ERR_ZEROSEND_BUFFER_FREE', () => socket.sendMany([buffer, free], 1)],
    [range, () => socket.sendMany([buffer], [0])],
    // The second use finds the only lease used up by the first.
    ['ERR_ZEROSEND_BUFFER_IN_FLIGHT', () => socket.sendMany([buffer, buffer], 1)],
    [argument, () => socket.sendMany([buffer, {} as PooledBuffer], 1)],
    [argument, () => socket.sendMany([buffer], [1, 2])],
    [range, () => socket.sendMany([], 1)],
  ];
}

describe('a send that throws takes no id and leaves the buffer with the caller', () => {
  it('TCP', async () => {
    const peer = await startPeer({ protocol: 'tcp' });
    const pool = makePool();
    const socket = await connectTo(peer, { zeroCopy: 'always' });
    const completions = new Completions(socket);
    const content = new StreamContent();
    let sent = 0;
    for (const [code, action] of impossible(socket, pool.tryAcquire() as PooledBuffer)) {
      expect([codeOf(action), action.toString()]).toEqual([code, action.toString()]);
      expect(socket.nextId).toBe(sent);
      expect(pool.acquired).toBe(1);
      const good = await pool.acquire();
      content.fill(good.bytes, 1000);
      expect(socket.send(good, 1000)).toBe(sent++);
      await within(socket.flush(), 'flush()');
    }
    expect(pool.acquired).toBe(1);
    completions.expectEachOnce(sent);
    await expectIntact(peer, { bytes: content.position });
  });

  // docs/submission-thread.md, "what the kernel refuses".
  itInline('UDP, what only the kernel refuses included', async () => {
    const peer = await startPeer({ protocol: 'udp' });
    const pool = makePool();
    const socket = await openTo(peer, { zeroCopy: 'always' });
    const completions = new Completions(socket);
    const content = new DatagramContent();
    const buffer = pool.tryAcquire() as PooledBuffer;
    const broadcast = { address: '127.255.255.255', port: 9 }; // not without SO_BROADCAST
    const actions = [
      ...impossible(socket, buffer),
      ['ERR_ZEROSEND_DATAGRAM_TOO_LONG', () => socket.send(Buffer.alloc(65_508))],
      ['EACCES', () => socket.sendTo(buffer, 20_000, broadcast)],
      ['EACCES', () => socket.sendTo(Buffer.alloc(9), 9, broadcast)],
      ['ERR_ZEROSEND_INVALID_ADDRESS', () => socket.sendTo(buffer, 1, { address: '::1', port: 9 })],
    ] as const;
    let sent = 0;
    for (const [code, action] of actions) {
      expect([codeOf(action), action.toString()]).toEqual([code, action.toString()]);
      expect(socket.nextId).toBe(sent);
      expect(pool.acquired).toBe(1);
      const good = await pool.acquire();
      content.fill(good.bytes, 1000);
      expect(socket.send(good, 1000)).toBe(sent++);
      await within(socket.flush(), 'flush()');
    }
    buffer.release();
    completions.expectEachOnce(sent);
    expectAllFree(pool);
    await expectIntact(peer, { datagrams: sent });
    expect(socket.stats()).toMatchObject({ unknownIds: 0, duplicateIds: 0 });
  });

  it('after close()', async () => {
    const peer = await startPeer({ protocol: 'tcp' });
    const pool = makePool();
    const socket = await connectTo(peer);
    socket.send(Buffer.from([1]));
    const closed = socket.close();
    const buffer = pool.tryAcquire() as PooledBuffer;
    const sends = [
      () => socket.send(buffer, 1),
      () => socket.sendMany([buffer], 1),
      () => socket.send(Buffer.alloc(1)),
    ];
    for (const send of sends) expect(codeOf(send)).toBe('ERR_ZEROSEND_SOCKET_CLOSED');
    expect(await within(closed, 'close()')).toMatchObject({ ids: 1 });
    for (const send of sends) expect(codeOf(send)).toBe('ERR_ZEROSEND_SOCKET_CLOSED');
    expect(socket.nextId).toBe(1);
    buffer.release();
    expectAllFree(pool);
  });
});
