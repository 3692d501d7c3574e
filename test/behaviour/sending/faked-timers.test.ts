import { afterEach, describe, expect, it, vi } from 'vitest';
import { Pacer } from 'zerosend/generator';
import { makePool, openTo, startPeer } from '../../support/endpoints.js';
import { Program } from '../../support/program.js';
import { byThread } from '../../support/submit.js';

describe('timers that a test framework has faked', () => {
  afterEach(() => void vi.useRealTimers());

  it('do not stop the library: node:test', async () => {
    const program = new Program(
      new URL('programs/faked-timers.mjs', import.meta.url),
      {},
      {
        node: ['--no-warnings'],
      },
    );
    const { code, messages, stderr } = await program.exit();
    expect(stderr).toBe('');
    expect({ code, messages }).toEqual({
      code: 0,
      messages: [
        { type: 'sent', inFlight: 0 },
        { type: 'paced', waited: true },
        { type: 'generated', ended: 'seconds', packets: true },
        { type: 'closed', gaveUp: true, udp: 'drained' },
        { type: 'fired', timeout: 0, immediate: 0 },
      ],
    });
  });

  it('do not stop the library: vitest', async () => {
    const peer = await startPeer({ protocol: 'udp', discard: true });
    const socket = await openTo(peer);
    const pool = makePool();
    const realNow = performance.now.bind(performance);
    vi.useFakeTimers({ toFake: [...EVERYTHING] });
    const until = realNow() + 30;
    while (realNow() < until) socket.send(await pool.acquire(), 1000);
    await socket.flush();
    const pacer = new Pacer(200);
    pacer.take();
    await pacer.wait();
    const { outcome } = await socket.close();
    // None of ours. Whoever waits for a buffer, as beside the submission thread, waits by p-queue, which
    // queues microtasks.
    if (!byThread) expect(vi.getTimerCount()).toBe(0);
    expect(outcome).toBe('drained');
  });
});

const EVERYTHING = [
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'setImmediate',
  'clearImmediate',
  'Date',
  'performance',
  'hrtime',
  'queueMicrotask',
] as const;
