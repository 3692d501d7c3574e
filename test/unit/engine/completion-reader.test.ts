import { describe, expect, it } from 'vitest';
import { CompletionReaders, readCompletions } from '../../../lib/engine/completion-reader.js';
import type { CompletionRange } from '../../../lib/engine/events.js';

const range = (first: number, last = first, more: Partial<CompletionRange> = {}) =>
  ({ first, last, how: 'zerocopy', ...more }) as CompletionRange;

function attach(limit = 4) {
  const readers = new CompletionReaders();
  const state = { readers, phase: 'open', error: null as Error | null };
  return { readers, state, read: () => readCompletions({}, state, limit) };
}

async function drain(reader: AsyncIterableIterator<CompletionRange>) {
  const got: CompletionRange[] = [];
  try {
    for await (const each of reader) got.push(each);
  } catch (error) {
    return { got, error };
  }
  return { got };
}

describe('a reader of completions', () => {
  it('gets what comes after it was made, and the end', async () => {
    const { readers, read } = attach();
    readers.push(range(0));
    const reader = read();
    readers.push(range(1));
    const all = drain(reader);
    await null;
    readers.push(range(2, 5));
    readers.end(null);
    expect(await all).toEqual({ got: [range(1), range(2, 5)] });
    expect(await reader.next()).toEqual({ done: true, value: undefined });
  });

  it('merges neighbours that ended alike, and no others', async () => {
    const { readers, read } = attach(100);
    const reader = read();
    const failed = { how: 'failed' as const, code: 'EPERM' };
    for (const each of [
      range(0, 1),
      range(2, 4),
      range(6),
      range(7, 7, { how: 'copied' }),
      range(8, 8, failed),
      range(9, 9, failed),
      range(10, 10, { ...failed, code: 'EMSGSIZE' }),
      range(11, 11, { tags: ['a'] }),
      range(12, 12, { tags: ['b'] }),
      range(13),
    ]) {
      readers.push(each);
    }
    readers.end(null);
    expect((await drain(reader)).got).toEqual([
      range(0, 4),
      range(6),
      range(7, 7, { how: 'copied' }),
      range(8, 9, failed),
      range(10, 10, { ...failed, code: 'EMSGSIZE' }),
      range(11, 11, { tags: ['a'] }),
      range(12, 12, { tags: ['b'] }),
      range(13),
    ]);
  });

  it('that falls behind gets all up to there, and then an error that says so', async () => {
    const { readers, read } = attach(4);
    const slow = read();
    const other = readCompletions({}, { readers, phase: 'open', error: null }, 100);
    for (let id = 0; id < 20; id += 2) readers.push(range(id));
    expect(readers.size).toBe(1);
    readers.end(null);
    const { got, error } = await drain(slow);
    expect(got.map(({ first }) => first)).toEqual([0, 2, 4, 6]);
    expect(error).toMatchObject({ code: 'ERR_ZEROSEND_READER_BEHIND', id: 8 });
    expect((await drain(other)).got).toHaveLength(10);
    expect(await slow.next()).toEqual({ done: true, value: undefined }); // thrown once
  });

  it('is not behind while it comes for each', async () => {
    const { readers, read } = attach(1);
    const reader = read();
    for (let id = 0; id < 1000; id += 2) {
      readers.push(range(id));
      expect(await reader.next()).toEqual({ done: false, value: range(id) });
    }
  });

  it('reads in order however many calls of next() wait', async () => {
    const { readers, read } = attach();
    const reader = read();
    const asked = [reader.next(), reader.next(), reader.next()];
    readers.push(range(0));
    readers.push(range(2));
    readers.end(new Error('reset'));
    expect(await Promise.allSettled(asked)).toMatchObject([
      { value: { value: range(0) } },
      { value: { value: range(2) } },
      { reason: { message: 'reset' } },
    ]);
  });

  it('throws the error of its socket after all that has completed', async () => {
    const { readers, read } = attach();
    const reader = read();
    readers.push(range(0));
    readers.end(new Error('reset'));
    expect(await drain(reader)).toMatchObject({ got: [range(0)], error: { message: 'reset' } });
  });

  it('is detached by break, and forgets what it has', async () => {
    const { readers, read } = attach();
    const reader = read();
    readers.push(range(0));
    readers.push(range(2));
    for await (const each of reader) {
      expect(each).toEqual(range(0));
      break;
    }
    expect(readers.size).toBe(0);
    readers.push(range(4));
    expect(await drain(reader)).toEqual({ got: [] });
  });

  it('of a socket that has closed ends at once, or throws what has ended it', async () => {
    const { state, readers } = attach();
    state.phase = 'closed';
    expect(await drain(readCompletions({}, state, 1))).toEqual({ got: [] });
    state.error = new Error('reset');
    expect(await drain(readCompletions({}, state, 1))).toMatchObject({
      error: { message: 'reset' },
    });
    expect(readers.size).toBe(0);
  });

  it('has ranges of its own', async () => {
    const { readers, read } = attach();
    const readersOf = [read(), read()];
    const pushed = range(0);
    readers.push(pushed);
    readers.push(range(1));
    expect(pushed).toEqual(range(0)); // listeners have this one
    readers.end(null);
    for (const reader of readersOf) expect((await drain(reader)).got).toEqual([range(0, 1)]);
  });
});
