import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { CompletionStallMessage, StalledRange, TcpSocket } from 'zerosend';
import { until, within } from '../../support/deadline.js';
import { connectAndMeet, openTo, startPeer } from '../../support/endpoints.js';

/** Sends to a peer that does not read until the socket has sends waiting. */
async function stuck(stallAfter: number) {
  const peer = await startPeer({ protocol: 'tcp', family: 4, paused: true, rcvbuf: 65_536 });
  const socket: TcpSocket = await connectAndMeet(peer, { sendBufferSize: 200_000, stallAfter });
  const late: StalledRange[] = [];
  socket.on('stall', (range) => late.push(range));
  const begun = performance.now();
  do socket.send(new Uint8Array(65_536), undefined, { tag: socket.nextId });
  while (!socket.needDrain);
  return { peer, socket, late, begun };
}

const idsOf = (ranges: readonly StalledRange[]) =>
  ranges.flatMap(({ first, last }) =>
    Array.from({ length: last - first + 1 }, (_, i) => first + i),
  );

describe('stall', () => {
  it('names each id that is late once, with its age and tag, and none that is not', async () => {
    const { peer, socket, late, begun } = await stuck(40);
    const messages: CompletionStallMessage[] = [];
    const onStall = (message: unknown) => messages.push(message as CompletionStallMessage);
    subscribe('zerosend:completion:stall', onStall);
    onTestFinished(() => void unsubscribe('zerosend:completion:stall', onStall));
    expect(late).toEqual([]);
    await until(() => late.length > 0, 'the first are late');
    await until(() => idsOf(late).at(-1) === socket.nextId - 1, 'all are late');
    for (const { first, last, age, tags } of late) {
      expect(age).toBeGreaterThan(40);
      expect(age).toBeLessThanOrEqual(performance.now() - begun);
      expect(tags).toEqual(idsOf([{ first, last, age }]));
    }
    const second = socket.send(new Uint8Array(65_536));
    await until(() => idsOf(late).includes(second), 'what was sent later is late');
    const ids = idsOf(late);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.at(-1)).toBe(second);
    expect(socket.stats().stalled).toBe(ids.length);
    expect(messages.map(({ socket: _, protocol: __, ...range }) => range)).toEqual(late);
    expect(messages.every((message) => message.socket === socket)).toBe(true);
    await peer.resume();
    await within(socket.flush(), 'all goes out', 30_000);
    expect(idsOf(late)).toEqual(ids);
  });

  it('is not said of what has completed while the program was busy', async () => {
    const socket = await openTo(await startPeer({ protocol: 'udp', family: 4 }), {
      zeroCopy: 'always',
      stallAfter: 20,
    });
    const late: StalledRange[] = [];
    socket.on('stall', (range) => late.push(range));
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 8; i++) socket.send(new Uint8Array(1000));
      const end = performance.now() + 60;
      while (performance.now() < end); // neither the poller nor a timer gets through
      await within(socket.flush(), 'all has completed');
    }
    expect(late).toEqual([]);
    expect(socket.stats().stalled).toBe(0);
  });

  it('is told of sockets that nobody listens to, and a listener that throws harms no other', async () => {
    const { socket, late } = await stuck(15);
    socket.prependListener('stall', () => {
      throw new Error('of the listener');
    });
    const caught: unknown[] = [];
    const onUncaught = (error: unknown) => caught.push(error);
    const before = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', onUncaught);
    onTestFinished(() => {
      process.removeListener('uncaughtException', onUncaught);
      for (const listener of before) process.on('uncaughtException', listener);
    });
    const other = await stuck(15);
    other.socket.removeAllListeners('stall');
    // The peer's kernel takes what fits into its window: that may have completed in time.
    for (const each of [other.socket, socket]) {
      const inFlight = () => each.stats().inFlight;
      await until(() => inFlight() > 0 && each.stats().stalled >= inFlight(), 'all are late');
    }
    await until(() => caught.length > 0, 'the exception is raised');
    expect(caught[0]).toMatchObject({ message: 'of the listener' });
    expect(other.late).toEqual([]);
    expect(late).toEqual([]); // behind the one that throws
  });

  it('does not keep the process alive, nor a socket that has nothing in flight', async () => {
    const socket = await openTo(await startPeer({ protocol: 'udp', family: 4 }), { stallAfter: 5 });
    socket.send(new Uint8Array(100));
    await within(socket.flush(), 'it completes');
    const ref = new WeakRef(socket);
    expect(ref.deref()?.stats().stalled).toBe(0);
  });
});
