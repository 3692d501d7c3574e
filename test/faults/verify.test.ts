import { describe, expect, it } from 'vitest';
import { sharedTcpReceiver } from './peers.js';
import { answerOf } from './run-program.js';
import { BufferPool, slotOf, TcpSocket } from './zerosend.mjs';

const tcp = sharedTcpReceiver();

interface Answer<Result> {
  uncaught: { code: string; id?: number; message: string }[];
  warnings: { code?: string; name: string; message: string }[];
  result: Result;
}

function play<Result>(scenario: string): Promise<Answer<Result>> {
  return answerOf('verify', { scenario }, { node: ['--expose-gc'] });
}

/** Says which buffer, and where it was acquired: a line of the user's, not of the library's. */
function expectBlame(message: string | undefined, index: number): void {
  expect(message).toContain(`buffer ${index} `);
  expect(message).toMatch(
    /acquired:\n\s+at (?:acquiredHere|runAcquiredHere) \(.*verify-\w+\.mjs:\d+:\d+\)/,
  );
}

describe('a pool that verifies finds', () => {
  it.each([
    { scenario: 'a write in flight over TCP', index: 0, id: 1 },
    { scenario: 'a write in flight over UDP, through a view of its own', index: 0, id: 0 },
    { scenario: 'a write in flight within sendMany', index: 1, id: 1 },
    { scenario: 'a write in flight within a run', index: 2, id: 2 },
    {
      scenario: 'a write between two sends of one buffer, the first in flight',
      index: 0,
      id: 0,
    },
    { scenario: 'a write to what an aborted socket had in flight', index: 0, id: 0 },
  ])('$scenario', async ({ scenario, index, id }) => {
    const { uncaught, warnings } = await play(scenario);
    expect(uncaught).toMatchObject([{ code: 'ERR_ZEROSEND_BUFFER_CHANGED', id }]);
    expect(uncaught[0]?.message).toContain(`while send ${id} of it was in flight`);
    expectBlame(uncaught[0]?.message, index);
    expect(warnings).toEqual([]);
  });

  it('a write to a buffer that was waited for, by whom', async () => {
    const { uncaught } = await play('a write to a buffer that was waited for');
    expect(uncaught).toMatchObject([{ code: 'ERR_ZEROSEND_BUFFER_CHANGED', id: 0 }]);
    expect(uncaught[0]?.message).toMatch(/acquired:\n\s+at waitedForHere \(.*verify-\w+\.mjs:/);
  });

  it('the use of a handle whose buffer has gone back', async () => {
    const { uncaught, result } = await play<{
      errors: { code: string; message: string }[][];
      slots: number[];
      acquired: number;
    }>('stale handles');
    expect(uncaught).toEqual([]);
    expect(result.slots).toEqual([0, 0, 0]);
    expect(result.acquired).toBe(1);
    for (const error of result.errors.flat()) {
      expect(error?.code).toBe('ERR_ZEROSEND_STALE_HANDLE');
      expectBlame(error?.message, 0);
    }
    expect(result.errors.flat()).toHaveLength(10);
  });

  it.each([
    'a write after the buffer was sent and came back',
    'a write after the buffer was released',
    'a write to a free buffer that nobody acquires again',
  ])('%s', async (scenario) => {
    const { uncaught, warnings, result } = await play<{ index: number }>(scenario);
    expect(uncaught).toMatchObject([{ code: 'ERR_ZEROSEND_BUFFER_CHANGED' }]);
    expect(uncaught[0]?.message).toContain('while it was free');
    expectBlame(uncaught[0]?.message, result.index);
    expect(warnings).toEqual([]);
  });

  it.each(['a buffer that is forgotten', 'a buffer whose last lease is forgotten'])(
    '%s',
    async (scenario) => {
      const { uncaught, warnings, result } = await play<{ acquired: number }>(scenario);
      expect(warnings).toMatchObject([
        { code: 'ZEROSEND_BUFFER_FORGOTTEN', name: 'ZeroSendWarning' },
      ]);
      expectBlame(warnings[0]?.message, 0);
      expect(uncaught).toEqual([]);
      expect(result.acquired).toBe(1);
    },
  );

  it('a buffer that is held when its pool closes', async () => {
    const { uncaught, warnings } = await play('a buffer that is held when its pool closes');
    expect(warnings).toMatchObject([
      { code: 'ZEROSEND_BUFFER_FORGOTTEN', name: 'ZeroSendWarning' },
    ]);
    expectBlame(warnings[0]?.message, 0);
    expect(uncaught).toEqual([]);
  });
});

describe('a pool that verifies finds nothing wrong with', () => {
  it('everything that is allowed', async () => {
    const { uncaught, warnings, result } = await play<{ free: number }>(
      'everything that is allowed',
    );
    expect({ uncaught, warnings }).toEqual({ uncaught: [], warnings: [] });
    expect(result.free).toBe(16);
  });

  it('a write between two sends, with nothing in flight', async () => {
    const { uncaught, warnings } = await play('a write between two sends, with nothing in flight');
    expect({ uncaught, warnings }).toEqual({ uncaught: [], warnings: [] });
  });

  it('a template, which stays as it was laid', async () => {
    const { uncaught, warnings, result } = await play<{ read: string[] }>('a template');
    expect({ uncaught, warnings }).toEqual({ uncaught: [], warnings: [] });
    expect(result.read).toEqual(['a template', 'seen', 'a template', 'seen', 'a template', 'seen']);
  });

  it('a slot that is retired, whose memory it leaves alone', async () => {
    const { uncaught, warnings, result } = await play<object>('a slot that is retired');
    expect({ uncaught, warnings }).toEqual({ uncaught: [], warnings: [] });
    expect(result).toEqual({ untouched: true, retired: 1 });
  });
});

describe('a pool that does not verify', () => {
  it('has nothing that checks', async () => {
    const pool = new BufferPool({ bufferSize: 4096, count: 2, hugePages: 'none' });
    const socket = await TcpSocket.connect({ host: '127.0.0.1', port: tcp.current.port });
    const first = pool.tryAcquire();
    const second = pool.tryAcquire();
    if (first === null || second === null) throw new Error('the pool is dry');
    expect(slotOf(first).verifier).toBeNull();
    // `bytes` is a plain property: reading it runs no code of the library.
    expect(Object.getOwnPropertyDescriptor(first, 'bytes')).toMatchObject({
      value: expect.any(Buffer),
    });
    const { bytes } = first;
    socket.send(first, 100);
    await socket.flush();
    second.release();
    // The same objects again and again, one for each slot.
    const again = [pool.tryAcquire(), pool.tryAcquire()];
    expect(new Set(again)).toEqual(new Set([first, second]));
    expect(first.bytes).toBe(bytes);
    for (const buffer of again) buffer?.release();
    await socket.close();
  });

  it('is what one that verifies is not', () => {
    const pool = new BufferPool({ bufferSize: 4096, count: 1, hugePages: 'none', verify: true });
    const first = pool.tryAcquire();
    if (first === null) throw new Error('the pool is dry');
    expect(slotOf(first).verifier).not.toBeNull();
    expect(Object.getOwnPropertyDescriptor(first, 'bytes')?.get).toBeTypeOf('function');
    first?.release();
    const again = pool.tryAcquire();
    expect(again === first).toBe(false); // not toBe: its message would read the stale handle
    again?.release();
  });
});
