import { describe, expect, it } from 'vitest';
import { Completions } from '../../support/completions.js';
import { turn, within } from '../../support/deadline.js';
import { connectTo, openTo, startPeer } from '../../support/endpoints.js';

/** A socket with ten sends outstanding until the peer resumes. */
async function outstanding() {
  const peer = await startPeer({ protocol: 'tcp', paused: true, rcvbuf: 32_768, discard: true });
  const socket = await connectTo(peer, { zeroCopy: 'always', sendBufferSize: 16_384 });
  const completions = new Completions(socket);
  for (let i = 0; i < 10; i++) socket.send(Buffer.alloc(500_000));
  expect(socket.inFlight).toBe(10);
  return { peer, socket, completions };
}

/** Whether a promise has settled after some turns of the event loop. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  const note = () => {
    done = true;
  };
  promise.then(note, note);
  for (let i = 0; i < 5; i++) await turn();
  return done;
}

describe('completed(id)', () => {
  it('resolves at once for an id that has completed', async () => {
    const peer = await startPeer({ protocol: 'udp' });
    const socket = await openTo(peer);
    socket.send(Buffer.alloc(100));
    socket.send(Buffer.alloc(100));
    await within(socket.flush(), 'flush()');
    // Settles without a turn of the event loop: before an immediate that was asked for earlier.
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    await socket.completed(1);
    await socket.completed(0);
    expect(turned).toBe(false);
  });

  it('resolves when the id completes, and not before', async () => {
    const { peer, socket, completions } = await outstanding();
    const first = socket.completed(0);
    const last = [socket.completed(9), socket.completed(9)];
    expect(await settled(last[0]!)).toBe(false);
    await peer.resume();
    await within(first, 'completed(0)');
    expect(completions.howOf(0)).toBeDefined();
    await within(Promise.all(last), 'completed(9)');
    expect(completions.howOf(9)).toBeDefined();
  });

  it('rejects with the reason of its signal, before and while it waits', async () => {
    const { peer, socket } = await outstanding();
    const reason = new Error('enough');
    const before = socket.completed(9, { signal: AbortSignal.abort(reason) });
    await expect(before).rejects.toBe(reason);
    const controller = new AbortController();
    const aborted = socket.completed(9, { signal: controller.signal });
    const other = socket.completed(9);
    controller.abort(reason);
    await expect(within(aborted, 'the rejection')).rejects.toBe(reason);
    await peer.resume();
    await within(other, 'completed(9)');
  });

  it.each([-1, 10, 1.5, Number.NaN, 2 ** 53])('refuses the id %s', async (id) => {
    const { socket } = await outstanding();
    await expect(socket.completed(id)).rejects.toMatchObject({ code: 'ERR_ZEROSEND_OUT_OF_RANGE' });
    const text = '0' as unknown as number;
    const code = 'ERR_ZEROSEND_INVALID_ARGUMENT';
    await expect(socket.completed(text)).rejects.toMatchObject({ code });
  });

  it('resolves for ids that an abort has ended', async () => {
    const { socket, completions } = await outstanding();
    const waits = [socket.completed(0), socket.completed(9), socket.flush()];
    const closed = socket.abort();
    await within(Promise.all(waits), 'the ids');
    await within(closed, 'abort()');
    completions.expectEachOnce(10);
    await within(socket.completed(9), 'completed() on a closed socket');
  });
});

describe('flush()', () => {
  it('resolves when a listener of the last event has asked for it', async () => {
    const peer = await startPeer({ protocol: 'udp' });
    for (const event of ['complete', 'timestamp'] as const) {
      const socket = await openTo(peer, event === 'timestamp' ? { timestamps: 'software' } : {});
      for (let round = 0; round < 3; round++) {
        const asked = new Promise<Promise<void>[]>((resolve) => {
          const listen = () => {
            if (socket.inFlight > 0) return; // a timestamp of an earlier send
            socket.off(event, listen);
            resolve([socket.flush(), socket.completed(socket.nextId - 1)]);
          };
          socket.on(event, listen);
        });
        socket.send(Buffer.alloc(100));
        await within(Promise.all(await within(asked, event)), `flush() of a ${event} listener`);
      }
      await within(socket.close(), 'close()');
    }
  });

  it('resolves at once when nothing is outstanding', async () => {
    const peer = await startPeer({ protocol: 'udp' });
    const socket = await openTo(peer);
    await within(socket.flush(), 'flush() before the first send');
    socket.send(Buffer.alloc(100));
    await within(socket.flush(), 'flush()');
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    await socket.flush();
    expect(turned).toBe(false);
  });

  it('waits for all ids so far, and for no later ones', async () => {
    const { peer, socket, completions } = await outstanding();
    const flushes = [socket.flush(), socket.flush()];
    expect(await settled(flushes[0]!)).toBe(false);
    await peer.resume();
    await within(Promise.all(flushes), 'flush()');
    completions.expectEachOnce(10);

    await peer.pause();
    const before = socket.nextId;
    socket.send(Buffer.alloc(1));
    const flushed = socket.flush();
    while (!socket.needDrain) socket.send(Buffer.alloc(500_000));
    // The peer's window holds the first byte, but never all of the rest.
    await within(flushed, 'flush() of the one byte');
    expect(completions.howOf(before)).toBeDefined();
    expect(socket.inFlight).toBeGreaterThan(0);
    await peer.resume();
    await within(socket.flush(), 'flush()');
    completions.expectEachOnce(socket.nextId);
  });

  it('rejects with the reason of its signal, and leaves other waiters alone', async () => {
    const { peer, socket } = await outstanding();
    const reason = new Error('enough');
    await expect(socket.flush({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const aborted = socket.flush({ signal: controller.signal });
    const other = socket.flush();
    controller.abort(reason);
    await expect(within(aborted, 'the rejection')).rejects.toBe(reason);
    expect(await settled(other)).toBe(false);
    await peer.resume();
    await within(other, 'flush()');
  });
});
