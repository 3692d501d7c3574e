// Timestamps on the fake addon: two records each, which nothing may part or mix up.
import { describe, expect, it, vi } from 'vitest';
import {
  BATCH_RECORDS,
  KIND_COPIED,
  KIND_STAMP,
  KIND_STAMPED,
  KIND_ZEROCOPY,
} from '../../../lib/addon/addon.js';
import type { Timestamp } from '../../../lib/engine/timestamps.js';
import { type FakeSocket, fake } from '../support/fake-native.js';
import { makePool, openUdp, sendSome, turns } from '../support/fake-sockets.js';

vi.mock(
  '../../../lib/addon/addon.js',
  async () => (await import('../support/fake-native.js')).module,
);

const [SENT, SCHEDULED, ACKNOWLEDGED] = [0, 1, 2];

function stamp(kernel: FakeSocket, id: number, stage: number, nanoseconds: number, since = 1000) {
  kernel.notices.push(
    { kind: KIND_STAMP, first: id, last: 1_700_000_000 + id },
    { kind: KIND_STAMPED + stage, first: nanoseconds, last: since },
  );
}

describe('timestamp', () => {
  it('comes with id, stage, time and latency', async () => {
    const { socket, kernel } = await openUdp({ timestamps: 'software' });
    const stamps: Timestamp[] = [];
    socket.on('timestamp', (one) => stamps.push(one));
    stamp(kernel, 7, SCHEDULED, 5, 300);
    stamp(kernel, 7, SENT, 999_999_999, 400);
    stamp(kernel, 8, ACKNOWLEDGED, 0, 0);
    socket.poll();
    expect(stamps).toEqual([
      { id: 7, stage: 'scheduled', time: 1_700_000_007_000_000_005n, latency: 300 },
      { id: 7, stage: 'sent', time: 1_700_000_007_999_999_999n, latency: 400 },
      { id: 8, stage: 'acknowledged', time: 1_700_000_008_000_000_000n, latency: 1 },
    ]);
    expect(socket.stats().latency.sent).toMatchObject({ count: 1, min: 400, max: 400 });
  });

  it('is whole where a batch ends within it', async () => {
    const { socket, kernel } = await openUdp({ timestamps: 'software' });
    const times: bigint[] = [];
    socket.on('timestamp', ({ time }) => times.push(time));
    sendSome(socket, makePool(BATCH_RECORDS), BATCH_RECORDS - 1);
    for (let id = 0; id < BATCH_RECORDS - 1; id++) {
      kernel.finish(id, id, id % 2 === 0 ? KIND_ZEROCOPY : KIND_COPIED);
    }
    stamp(kernel, 3, SENT, 42);
    kernel.armed = true;
    kernel.busy = false;
    expect(fake.wake()).toBe(BATCH_RECORDS); // up to the first half
    expect(times).toEqual([]);
    expect(fake.wake()).toBe(1);
    expect(times).toEqual([1_700_000_003_000_000_042n]);
  });

  it('is that of its own socket when listeners poll others', async () => {
    const [a, b] = [
      await openUdp({ timestamps: 'software' }),
      await openUdp({ timestamps: 'software' }),
    ];
    const log: string[] = [];
    a.socket.on('timestamp', ({ id, time }) => {
      log.push(`a ${id} ${time}`);
      stamp(b.kernel, id + 100, SENT, 1);
      b.socket.poll();
    });
    b.socket.on('timestamp', ({ id, time }) => log.push(`b ${id} ${time}`));
    stamp(a.kernel, 1, SENT, 1);
    stamp(a.kernel, 2, SENT, 2);
    a.socket.poll();
    await turns(1); // what a listener causes is told of in the next turn
    expect(log).toEqual([
      'a 1 1700000001000000001',
      'a 2 1700000002000000002',
      'b 101 1700000101000000001',
      'b 102 1700000102000000001',
    ]);
  });
});
