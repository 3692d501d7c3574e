// A socket as the functions of node:events see it.
import { on, once } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { fake } from '../support/fake-native.js';
import { connectTcp, makePool, openUdp, sendSome } from '../support/fake-sockets.js';

vi.mock(
  '../../../lib/addon/addon.js',
  async () => (await import('../support/fake-native.js')).module,
);

describe('node:events', () => {
  it('once(socket, …) resolves with the arguments of the event', async () => {
    const { socket } = await openUdp();
    const closed = once(socket, 'close');
    const report = await socket.close();
    expect(await closed).toEqual([report]);
  });

  it('once(socket, …) rejects with the error that comes first', async () => {
    const { socket, kernel } = await connectTcp();
    const closed = once(socket, 'close');
    kernel.break(104);
    fake.wake();
    await expect(closed).rejects.toMatchObject({ code: 'ECONNRESET' });
    await socket.close();
  });

  it('on(socket, …) iterates over events until its signal is aborted, and leaves no listener', async () => {
    const { socket, kernel } = await openUdp();
    const controller = new AbortController();
    const ranges = on(socket, 'complete', { signal: controller.signal });
    sendSome(socket, makePool(), 3);
    kernel.finish(0);
    socket.poll();
    kernel.finish(1, 2);
    socket.poll();
    const seen: unknown[] = [];
    const loop = (async () => {
      for await (const [range] of ranges) {
        seen.push(range);
        if (seen.length === 2) controller.abort();
      }
    })();
    await expect(loop).rejects.toMatchObject({ name: 'AbortError' });
    expect(seen).toEqual([
      { first: 0, last: 0, how: 'zerocopy' },
      { first: 1, last: 2, how: 'zerocopy' },
    ]);
    expect(socket.listenerCount('complete')).toBe(0);
    await socket.close();
  });

  it('listeners that are added in front are called first, those for one event once', async () => {
    const { socket } = await openUdp();
    const calls: string[] = [];
    const tell = (name: string) => () => void calls.push(name);
    socket.on('drain', tell('second'));
    socket.once('drain', tell('once'));
    socket.prependListener('drain', tell('first'));
    socket.prependOnceListener('drain', tell('zeroth'));
    expect(socket.rawListeners('drain')).toHaveLength(4);
    socket.emit('drain');
    expect(calls.splice(0)).toEqual(['zeroth', 'first', 'second', 'once']);
    socket.emit('drain');
    expect(calls).toEqual(['first', 'second']);
    expect(socket.setMaxListeners(1).getMaxListeners()).toBe(0);
    await socket.close();
  });

  it('a listener added in front while an event is told of hears the next one', async () => {
    const { socket } = await openUdp();
    const calls: string[] = [];
    socket.on('drain', () => {
      calls.push('old');
      if (calls.length === 1) socket.prependListener('drain', () => void calls.push('new'));
    });
    socket.on('drain', () => void calls.push('other'));
    socket.emit('drain');
    expect(calls.splice(0)).toEqual(['old', 'other']);
    socket.emit('drain');
    expect(calls).toEqual(['new', 'old', 'other']);
    await socket.close();
  });
});
