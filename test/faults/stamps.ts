import { describe, expect, it } from 'vitest';
import type { PooledBuffer, ZeroCopySocket } from 'zerosend';
import { createRig, type RigOptions } from '../../rig/index.mjs';
import { needsRig } from '../rig/needs.js';
import { byThread, handedOver } from './handed-over.mjs';
import { pause, within } from './sender.mjs';
import {
  BufferPool,
  clearFaults,
  IP_RECVERR,
  inject,
  PacketSocket,
  SOL_IP,
  setOption,
  UdpSocket,
} from './zerosend.mjs';

export const SHORT_QUEUE: RigOptions = { rate: { rate: '8mbit', burst: '4kb', limit: '20kb' } };

export const overVeth = await needsRig('veth-copy', { ...SHORT_QUEUE, here: true });

/** A socket over a link whose queue is short, with software timestamps, and what sends once through it. */
async function openDatagrams(zeroCopy: 'always' | 'never', counted: boolean) {
  // A kernel that does not know the control message with the key (before Linux 6.13).
  if (counted) inject('sendmsg', { error: 'EINVAL' });
  const remote = { address: '198.18.0.2', port: 9 };
  const socket = await UdpSocket.open({ remote, timestamps: 'software', zeroCopy });
  clearFaults();
  expect(setOption(socket.fd, SOL_IP, IP_RECVERR, 1)).toBe(0);
  const pool = new BufferPool({ bufferSize: 4096, count: 256 });
  return { socket, put: () => socket.send(pool.tryAcquire() as PooledBuffer, 1000) };
}

export async function openFrames(device: string) {
  const options = { interface: device, frames: 256, frameSize: 2016 };
  const socket = await PacketSocket.open({ ...options, timestamps: 'software' });
  const put = () => {
    const buffer = socket.pool.tryAcquire() as PooledBuffer;
    buffer.bytes.fill(0, 0, 1000).fill(0xff, 0, 6).writeUInt16BE(0x88b5, 12);
    return socket.send(buffer, 1000);
  };
  return { socket, put };
}

/**
 * Sends alone, then more than the queue holds, then alone again: each stamp has to be of its own send.
 * @param late the call that refuses datagrams which are on their way already, so that their stamps come
 *   among those of later ones
 * @param complete whether each accepted send has both its stamps; without, some fall into a pause
 */
export async function expectOwnStamps(
  { socket, put }: { socket: ZeroCopySocket; put: () => number },
  { late, complete }: { late?: 'sendto' | 'sendmsg'; complete: boolean },
): Promise<void> {
  let scheduled: number[] = [];
  const seen = new Set<string>();
  const wrong: string[] = [];
  socket.on('timestamp', ({ id, stage, latency }) => {
    if (stage === 'scheduled') scheduled.push(id);
    if (seen.has(`${id} ${stage}`)) wrong.push(`${id} ${stage} again`);
    seen.add(`${id} ${stage}`);
    if (latency < 2) wrong.push(`${id} ${stage} before it was sent`);
  });
  const settled = async () => {
    await within(socket.flush(), 'flush');
    await pause(100); // what is queued has gone, and its stamps with it
  };
  const one = async () => {
    scheduled = [];
    const id = put();
    await within(socket.flush(), 'flush');
    for (let i = 0; i < 200 && scheduled.length === 0; i++) {
      await pause(5);
      socket.poll();
    }
    expect(scheduled).toEqual([id]);
  };

  for (let i = 0; i < 2; i++) await one();
  for (let i = 0; i < 100; i++) put();
  await settled();
  for (let i = 0; i < 3; i++) await one();
  for (let id = 0; complete && id < socket.nextId; id++) {
    for (const stage of ['scheduled', 'sent']) expect(seen).toContain(`${id} ${stage}`);
  }
  for (let i = 0; i < 12 && late !== undefined; i++) {
    if (i % 4 === 0) {
      inject(late, { error: 'EPERM', after: true });
      if (byThread) put();
      else expect(put).toThrow();
      if (byThread) handedOver(socket);
      clearFaults();
    }
    put();
  }
  await settled();
  await one();
  const { noBuffers, refusedFrames } = socket.stats();
  await socket.close();
  expect(noBuffers + refusedFrames).toBeGreaterThan(0);
  expect(wrong).toEqual([]);
}

/** Suites of a process: what it has found out of its kernel stays so. */
export function keysCountedBy(who: 'kernel' | 'library'): void {
  const counted = who === 'kernel';
  describe(`keys counted by the ${who}`, () => {
    it.each(['always', 'never'] as const)(
      'zeroCopy %s: by a full queue, late: each stamp is of its own datagram',
      overVeth,
      async (zeroCopy) => {
        await using _ = await createRig('veth-copy', { ...SHORT_QUEUE, here: true });
        const opened = await openDatagrams(zeroCopy, counted);
        await expectOwnStamps(opened, { late: counted ? 'sendto' : 'sendmsg', complete: !counted });
      },
    );
  });
}
