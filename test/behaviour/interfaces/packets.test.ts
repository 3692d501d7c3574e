import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  BufferPool,
  type BufferRun,
  type CloseReport,
  type PooledBuffer,
  type XdpOptions,
  XdpSocket,
} from 'zerosend';
import { IdChecker } from '../../../rig/ids.mjs';
import { createRig, type Receiver, type Rig, startReceiver } from '../../../rig/index.mjs';
import { needsRig } from '../../rig/needs.js';
import { randomFrom } from '../../support/content.js';
import { until, within } from '../../support/deadline.js';
import { countsOf, ip } from '../../support/links.js';
import { byThread, itInline } from '../../support/submit.js';
import { udpFrame } from '../../support/udp-frame.mjs';
import { addsUp, codeOf, EXACT, failureOf, layFrame, take } from './kinds.mjs';

const SEED = 7; // of the content
const LONGEST = 9000 + 14;
const JUMBO = { mtu: 9000, here: true };

/** So many buffers, as soon as there are. */
async function takeAll(pool: BufferPool, count: number) {
  const buffers: PooledBuffer[] = [];
  while (buffers.length < count) buffers.push(pool.tryAcquire() ?? (await pool.acquire()));
  return buffers;
}

/** Lays `bytes` into as many buffers as `lengths` has. */
async function lay(pool: BufferPool, bytes: Buffer, lengths: number[]) {
  const buffers = await takeAll(pool, lengths.length);
  let at = 0;
  for (const [i, length] of lengths.entries()) {
    buffers[i]?.bytes.set(bytes.subarray(at, at + length));
    at += length;
  }
  return buffers;
}

/** `total` in full buffers of `size`, the last one with the rest. */
function full(total: number, size = 2048): number[] {
  const lengths = Array(Math.floor(total / size)).fill(size);
  if (total % size > 0) lengths.push(total % size);
  return lengths;
}

/** `total` in `count` pieces of any lengths that fit, the first with the link header. */
function pieces(total: number, count: number, size: number, random: ReturnType<typeof randomFrom>) {
  const lengths: number[] = [];
  let left = total;
  for (let behind = count - 1; behind >= 0; behind--) {
    const least = Math.max(lengths.length === 0 ? 14 : 1, left - behind * size);
    const length = random(least, Math.min(size, left - behind));
    lengths.push(length);
    left -= length;
  }
  return lengths;
}

const needed = await needsRig('veth', JUMBO);
describe('packets of AF_XDP out of several frames', needed, () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await createRig('veth', JUMBO);
  });
  afterAll(() => rig?.dispose());

  /** A socket, and a receiver that checks every byte of what arrives. */
  async function open(options: Partial<XdpOptions> = {}) {
    const receiver: Receiver = await startReceiver({
      protocol: 'udp',
      seed: SEED,
      gro: false,
      namespace: rig.receiver,
    });
    onTestFinished(() => receiver[Symbol.asyncDispose]());
    const { name } = rig.senderInterface;
    const socket = await XdpSocket.open({ interface: name, ...options });
    const packet = (sequence = 0, length = LONGEST) =>
      udpFrame({ port: receiver.port, seed: SEED }, sequence, length);
    const arrive = async (datagrams: number) => {
      const all = await receiver.until((now) => now.datagrams >= datagrams, { timeout: 5000 });
      expect(all).toMatchObject({ wrongBytes: 0, corrupt: 0, datagrams, drops: 0 });
      return all;
    };
    return { name, socket, pool: socket.pool, ids: IdChecker.of(socket), packet, arrive };
  }

  it.each([2048, 4096] as const)('arrive byte for byte: content%i', async (frameSize) => {
    const random = randomFrom(frameSize);
    const opened = await open({ frameSize, frames: 256 });
    const { name, socket, pool, ids, packet, arrive } = opened;
    const before = countsOf(name).tx.packets;
    let descriptors = 0;
    // Packets of all lengths out of 1 to 17 frames of any lengths, between frames sent alone.
    for (let sequence = 0; sequence < 1500; sequence++) {
      const choice = random(0, 3);
      if (choice === 0) {
        const length = random(60, 1459);
        const [buffer] = await lay(pool, packet(sequence, length), [length]);
        expect(socket.send(buffer as PooledBuffer, length)).toBe(sequence);
        descriptors++;
      } else {
        const count = choice === 1 ? Math.ceil(LONGEST / frameSize) : random(1, 17);
        const most = Math.min(LONGEST, count * frameSize);
        const length = choice === 1 ? LONGEST : random(60, most);
        const lengths =
          choice === 1 ? full(length, frameSize) : pieces(length, count, frameSize, random);
        const buffers = await lay(pool, packet(sequence, length), lengths);
        const id = socket.sendPacket(buffers, choice === 1 ? length : lengths);
        expect(id).toBe(sequence);
        descriptors += count;
      }
      expect(addsUp(pool)).toBe(true);
      if (sequence % 100 < 99) continue;
      await socket.flush();
      expect(pool.free).toBe(pool.count);
      await delay(5); // the receiver's socket has room for a hundred, but not for all
    }
    await socket.flush();
    expect(pool.free).toBe(pool.count);
    expect(await socket.close()).toMatchObject({ outcome: 'drained', ids: 1500, unfinished: 0 });
    const packets = countsOf(name).tx.packets - before;
    // One completion for each packet, however many of them the kernel has told.
    expect(ids.result()).toEqual({ ids: 1500, how: { copied: 1500 }, ...EXACT });
    expect(socket.stats()).toMatchObject({ sends: 1500, kernelIds: descriptors });
    expect(await arrive(1500)).toMatchObject({
      ...{ unique: 1500, missing: 0, duplicates: 0, reordered: 0 },
      maxLength: 9000 - 28,
    });
    expect(packets).toBeGreaterThanOrEqual(1500);
    expect(packets).toBeLessThan(1510); // the kernel's own neighbour discovery
  });

  it('that cannot be are refused, and nothing is lost', async () => {
    const { socket, pool, ids, packet, arrive } = await open({ frames: 32 });
    const lengths = full(LONGEST);
    const buffers = await lay(pool, packet(), lengths);
    const [first, second, third] = buffers as [PooledBuffer, PooledBuffer, PooledBuffer];
    const foreign = take(new BufferPool({ count: 1 }));
    const more = await takeAll(pool, 13);
    const returned = take(pool);
    returned.release();
    const range = 'ERR_ZEROSEND_OUT_OF_RANGE';
    const argument = 'ERR_ZEROSEND_INVALID_ARGUMENT';
    const tooLong = 'ERR_ZEROSEND_FRAME_TOO_LONG';
    const inFlight = 'ERR_ZEROSEND_BUFFER_IN_FLIGHT';
    for (const [code, frames, asked] of [
      [argument, 'frames', 100],
      [range, [], 100],
      [range, [...buffers, ...more], Array(18).fill(20)],
      [argument, buffers, undefined],
      [range, buffers, 0],
      [range, buffers, 9000.5],
      [range, buffers, Number.NaN],
      [range, buffers, 8192], // which leaves the last one unused
      [range, buffers, 5 * 2048 + 1],
      [argument, buffers, lengths.slice(1)],
      [range, [first, second], [100, 0]],
      [range, [first, second], [100, 2049]],
      [argument, [first, second], ['100', 100]],
      ['ERR_ZEROSEND_FRAME_MALFORMED', [first, second], [13, 100]], // a cut link header
      [tooLong, buffers, LONGEST + 1], // it has no tag
      [argument, [first, null, third], [100, 100, 100]],
      [argument, [Buffer.alloc(2048), second], [100, 100]],
      [inFlight, [first, second, first], [100, 100, 100]],
      ['ERR_ZEROSEND_WRONG_POOL', [first, second, foreign], [100, 100, 100]],
      ['ERR_ZEROSEND_BUFFER_FREE', [first, returned], [100, 100]],
    ]) {
      const send = () => socket.sendPacket(frames as PooledBuffer[], asked as number);
      expect(codeOf(send), JSON.stringify(asked)).toBe(code);
    }
    const refusal = failureOf(() => socket.sendPacket(buffers, LONGEST + 5));
    expect(refusal).toMatchObject({ code: tooLong });
    expect(refusal?.message).toMatch(/at most 9018 bytes.*received 9019/);
    // A frame is sent from its beginning, and an option that does nothing is refused.
    expect(codeOf(() => socket.sendPacket(buffers, LONGEST, { offset: 0 }))).toBe(argument);
    expect(socket.nextId).toBe(0);
    expect(pool).toMatchObject({ acquired: 18, inFlight: 0 });
    for (const buffer of more) buffer.release();
    // They are as they were: the packet goes out of the very same buffers.
    socket.sendPacket(buffers, LONGEST);
    expect(codeOf(() => socket.sendPacket(buffers, LONGEST))).toBe(inFlight);
    await socket.flush();
    const again = codeOf(() => socket.sendPacket(buffers, LONGEST));
    expect(again).toBe('ERR_ZEROSEND_BUFFER_FREE');
    const late = await takeAll(pool, 2);
    expect(await socket.close()).toMatchObject({ outcome: 'drained', ids: 1, unfinished: 0 });
    const closed = codeOf(() => socket.sendPacket(late, [100, 100]));
    expect(closed).toBe('ERR_ZEROSEND_SOCKET_CLOSED');
    expect(pool.acquired).toBe(2);
    expect(ids.result()).toMatchObject(EXACT);
    await arrive(1);
  });

  it('are never split by a ring that has room for a part of one', async () => {
    const { name, socket, pool, ids, packet, arrive } = await open({ frames: 8 });
    const buffers = await lay(pool, packet(), full(LONGEST));
    for (const buffer of buffers) buffer.retain(1000);
    const send = () => codeOf(() => socket.sendPacket(buffers, LONGEST));
    ip(`link set ${name} down`);
    // 64 descriptors: twelve packets of five, and four are left over.
    for (let i = 0; i < 12; i++) expect(send()).toBe(null);
    for (let i = 0; i < 2; i++) expect(send()).toBe('ERR_ZEROSEND_QUEUE_FULL');
    expect(socket).toMatchObject({ nextId: 12, inFlight: 12 });
    expect(pool.stats().acquired).toBe(5);
    ip(`link set ${name} up`);
    await within(socket.flush(), 'all packets to leave');
    expect(send()).toBe(null);
    await socket.flush();
    for (const buffer of buffers) buffer[Symbol.dispose]();
    expect(pool.free).toBe(8);
    expect(await socket.close()).toMatchObject({ outcome: 'drained', ids: 13, unfinished: 0 });
    expect(ids.result()).toMatchObject({ ids: 13, ...EXACT });
    await arrive(13);
  });

  // docs/submission-thread.md: there they wait.
  itInline('and batches are refused whole by a ring that has room for a part of one', async () => {
    const { name, socket, pool, ids } = await open({ frames: 8 });
    const buffer = take(pool);
    layFrame(buffer.bytes.subarray(0, 100));
    buffer.retain(69);
    const send = (count: number) => codeOf(() => socket.sendMany(Array(count).fill(buffer), 100));
    ip(`link set ${name} down`);
    const run = pool.tryAcquireRun(6) as BufferRun;
    expect(send(60)).toBe(null); // of 64 descriptors
    expect(send(10)).toBe('ERR_ZEROSEND_QUEUE_FULL');
    expect(codeOf(() => socket.sendMany(run, 100))).toBe('ERR_ZEROSEND_QUEUE_FULL');
    expect(socket).toMatchObject({ nextId: 60, inFlight: 60 });
    expect(run.count).toBe(6);
    run.release();
    expect(send(4)).toBe(null);
    ip(`link set ${name} up`);
    await within(socket.flush(), 'all frames to leave');
    expect(send(6)).toBe(null);
    expect(await socket.close()).toMatchObject({ outcome: 'drained', ids: 70, unfinished: 0 });
    expect(ids.result()).toMatchObject({ ids: 70, ...EXACT });
  });

  it.each<[string, (socket: XdpSocket) => Promise<CloseReport>]>([
    ['aborted', (socket) => socket.abort()],
    ['closed', (socket) => socket.close({ timeout: 100 })],
  ])('are given up whole when the socket is %s', async (_, end) => {
    const { name, socket, pool, ids, packet, arrive } = await open({ frames: 64 });
    const send = async (count: number) => {
      for (let i = 0; i < count; i++) {
        socket.sendPacket(await lay(pool, packet(), full(LONGEST)), LONGEST);
      }
    };
    await send(3);
    await socket.flush();
    ip(`link set ${name} down`);
    await send(4);
    const [alone] = await lay(pool, packet(), [60]);
    socket.send(alone as PooledBuffer, 60);
    expect(pool.stats()).toMatchObject({ inFlight: 21, acquired: 0, free: 43 });
    // docs/submission-thread.md, "abort()": what the thread has not handed over would fail.
    if (byThread) await until(() => socket.stats().submit?.depth === 0, 'it is handed over');
    const start = Date.now();
    const report = await end(socket);
    expect(Date.now() - start).toBeLessThan(2000);
    // The kernel could still read every one of their frames.
    expect(pool.stats()).toMatchObject({ inFlight: 0, acquired: 0, free: 43, retired: 21 });
    ip(`link set ${name} up`);
    expect(report).toMatchObject({ outcome: 'revoked', ids: 8, unfinished: 5 });
    expect(ids.result()).toEqual({ ids: 8, how: { copied: 3, revoked: 5 }, ...EXACT });
    expect(addsUp(pool)).toBe(true);
    await arrive(3);
  });

  it('use up one lease of each buffer for each place that it has in them', async () => {
    const { socket, pool, ids, packet, arrive } = await open({ frames: 8 });
    const buffers = await lay(pool, packet(), full(LONGEST));
    const [header] = buffers as [PooledBuffer];
    header.retain(1); // the first frame twice, the others once
    socket.sendPacket(buffers, LONGEST);
    await socket.flush();
    expect(pool.stats()).toMatchObject({ free: 7, acquired: 1, inFlight: 0 });
    // Its own second packet: the same buffer may stand in a packet as often as it has leases.
    header.retain(2);
    socket.sendPacket([header, header, header], [100, 100, 100]);
    await socket.flush();
    expect(pool.stats()).toMatchObject({ free: 8, acquired: 0, inFlight: 0 });
    await socket.close();
    expect(ids.result()).toEqual({ ids: 2, how: { copied: 2 }, ...EXACT });
    await arrive(1); // the second is no UDP packet
  });
});
