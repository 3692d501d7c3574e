// Ways that have no segmentation (a device without checksums, IPsec): what is seen on the wire, and
// every id, have to be as on any other.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Timestamp, UdpOptions } from 'zerosend';
import { fillStream } from '../../rig/pattern.mjs';
import { Completions } from '../support/completions.js';
import { needs } from '../support/requirements.js';
import { itInline } from '../support/submit.js';
import { clearFaultsAfterEach, eventually, holdBack } from './peers.js';
import { within } from './sender.mjs';
import { ALWAYS, BufferPool, inject, refuseSegments, UdpSocket } from './zerosend.mjs';

clearFaultsAfterEach();
afterEach(() => refuseSegments(0));

const SEGMENT = 700;
const EVERY_PORT = 65_536;

const addresses = networkInterfaces().lo ?? [];
const hasV6 = addresses.some(({ address }) => address === '::1');
const loopback = (family: 4 | 6) => (family === 6 ? '::1' : '127.0.0.1');

/** Bytes that tell which send they are of, and where they lie in it. */
function content(send: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  fillStream(bytes, 0, send);
  return bytes;
}

/** The datagrams that a send has to become. */
function cut(bytes: Buffer): Buffer[] {
  const count = Math.ceil(bytes.length / SEGMENT);
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * SEGMENT, (i + 1) * SEGMENT));
}

class Listener {
  readonly got: Buffer[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (bytes) => this.got.push(bytes));
  }

  static async open(family: 4 | 6): Promise<Listener> {
    const socket = createSocket({ type: `udp${family}`, recvBufferSize: 8 << 20 });
    onTestFinished(() => void socket.close());
    socket.bind(0, loopback(family));
    await once(socket, 'listening');
    return new Listener(socket);
  }

  get at(): { address: string; port: number } {
    return this.#socket.address();
  }

  /** Waits until exactly these datagrams have come, in this order. */
  async expect(sends: Buffer[]): Promise<void> {
    const expected = sends.flatMap(cut);
    await eventually(() => this.got.length).toBe(expected.length);
    for (const [i, bytes] of expected.entries()) {
      expect(bytes.equals(this.got[i] as Buffer), `datagram ${i} of ${this.got[i]?.length}`).toBe(
        true,
      );
    }
  }
}

async function open(options: UdpOptions) {
  const socket = await UdpSocket.open({ zeroCopy: 'always', ...options });
  const pool = new BufferPool({ bufferSize: 65_536, count: 64, hugePages: 'none' });
  onTestFinished(async () => {
    refuseSegments(0);
    await socket.abort();
    await pool.close();
  });
  const ids = new Completions(socket);
  let sends = 0;
  /** Takes a buffer and lays the next content into it. */
  function fill(length: number) {
    const bytes = content(sends++, length);
    const buffer = pool.tryAcquire();
    if (buffer === null) throw new Error('the pool is dry');
    buffer.bytes.set(bytes);
    return { buffer, bytes };
  }
  return { socket, pool, ids, fill };
}

const LENGTHS = [5500, 100, SEGMENT, 2 * SEGMENT, 44_801, 1];

describe.each([4, 6] as const)('segments over IPv%i', (family) => {
  const suite = needs(family === 4 || hasV6, 'the address ::1');

  it('that the way refuses go out one by one, with one id each', suite, async () => {
    const peer = await Listener.open(family);
    const { socket, ids, fill } = await open({ remote: peer.at, segmentSize: SEGMENT });
    expect(socket.info().segmentation).toEqual({ whole: true, reason: undefined });
    refuseSegments(EVERY_PORT);
    const sends = LENGTHS.map((length) => {
      const { buffer, bytes } = fill(length);
      socket.send(buffer, length);
      return bytes;
    });
    const plain = content(99, 3000);
    expect(socket.send(plain)).toBe(LENGTHS.length);
    sends.push(plain);
    await within(socket.flush(), 'flush');
    await peer.expect(sends);
    ids.expectEachOnce(sends.length);
    expect(ids.how).toEqual({ inline: sends.length });
    expect(socket.info().segmentation).toMatchObject({
      whole: false,
      reason: expect.stringContaining('EIO'),
    });
    const datagrams = sends.flatMap(cut).length;
    expect(socket.stats()).toMatchObject({ kernelSends: datagrams, kernelIds: 0, failed: 0 });
  });

  it('go out whole again soon after the way has changed back', suite, async () => {
    const peer = await Listener.open(family);
    const { socket, ids, fill } = await open({ remote: peer.at, segmentSize: SEGMENT });
    const sends: Buffer[] = [];
    const send = async (count: number) => {
      for (let i = 0; i < count; i++) {
        const { buffer, bytes } = fill(5 * SEGMENT + i);
        socket.send(buffer, bytes.length);
        sends.push(bytes);
        if (i % 8 === 7) await within(socket.flush(), 'flush');
      }
      await within(socket.flush(), 'flush');
      await peer.expect(sends);
    };
    await send(4);
    expect(ids.howOf(3)).toBe('copied');
    refuseSegments(EVERY_PORT);
    await send(20);
    expect(ids.howOf(23)).toBe('inline');
    expect(socket.info().segmentation?.whole).toBe(false);
    refuseSegments(0);
    await send(32);
    expect(ids.howOf(55)).toBe('copied');
    expect(socket.info().segmentation).toEqual({ whole: true, reason: undefined });
    refuseSegments(EVERY_PORT);
    await send(1);
    ids.expectEachOnce(sends.length);
  });

  it('are refused on the way to one address only', suite, async () => {
    const [bad, good] = [await Listener.open(family), await Listener.open(family)];
    const { socket, ids, fill } = await open({ family, segmentSize: SEGMENT });
    refuseSegments(bad.at.port);
    const sends = new Map<Listener, Buffer[]>([
      [bad, []],
      [good, []],
    ]);
    for (let i = 0; i < 30; i++) {
      for (const peer of i % 3 === 0 ? [bad, bad, good] : [good, bad]) {
        const { buffer, bytes } = fill(4 * SEGMENT + i);
        socket.sendTo(buffer, bytes.length, peer.at);
        sends.get(peer)?.push(bytes);
      }
      if (i % 5 === 4) await within(socket.flush(), 'flush');
    }
    await within(socket.flush(), 'flush');
    await bad.expect(sends.get(bad) as Buffer[]);
    await good.expect(sends.get(good) as Buffer[]);
    ids.expectEachOnce(70);
    expect(ids.how).toEqual({ copied: 30, inline: 40 });
  });

  it('of batches and runs, refused in their midst', suite, async () => {
    const peer = await Listener.open(family);
    const { socket, pool, ids, fill } = await open({ remote: peer.at, segmentSize: SEGMENT });
    const sends: Buffer[] = [];
    for (const refused of [0, EVERY_PORT, EVERY_PORT, 0]) {
      refuseSegments(refused);
      const filled = LENGTHS.map((length) => fill(length));
      socket.sendMany(
        filled.map(({ buffer }) => buffer),
        LENGTHS,
      );
      sends.push(...filled.map(({ bytes }) => bytes));
      const run = pool.tryAcquireRun(4);
      if (run === null) throw new Error('no run');
      const lengths = Array.from({ length: run.count }, (_, i) => 1500 + 700 * i);
      for (const [i, length] of lengths.entries()) {
        const bytes = content(1000 + i, length);
        run.bytes(i).set(bytes);
        sends.push(bytes);
      }
      socket.sendMany(run, lengths);
      await within(socket.flush(), 'flush');
    }
    await peer.expect(sends);
    ids.expectEachOnce(sends.length);
  });

  it('that wait for room before they are refused', suite, async () => {
    const peer = await Listener.open(family);
    const { socket, ids, fill } = await open({ remote: peer.at, segmentSize: SEGMENT });
    holdBack();
    const sends = LENGTHS.map((length) => {
      const { buffer, bytes } = fill(length);
      socket.send(buffer, length);
      return bytes;
    });
    refuseSegments(EVERY_PORT);
    // Room for two datagrams, then for three more, and so on.
    const room = [2, 3, 1, 5].flatMap((limit) => [
      { limit, times: 1 },
      { error: 'EAGAIN' as const, times: 1 },
    ]);
    inject('sendmmsg', ...room);
    inject('sendto');
    await within(socket.flush(), 'flush');
    await peer.expect(sends);
    ids.expectEachOnce(sends.length);
    expect(ids.how).toEqual({ inline: sends.length });
  });

  // docs/submission-thread.md, "which system call sends": the thread may find both published, and then the
  // faults strike other calls.
  itInline(
    'of which some are out when the rest is refused for good: the id fails',
    suite,
    async () => {
      const peer = await Listener.open(family);
      const { socket, ids, fill } = await open({ remote: peer.at, segmentSize: SEGMENT });
      refuseSegments(EVERY_PORT);
      inject('sendmmsg', { limit: 2 }, { error: 'EPERM', times: 2 });
      const first = fill(5 * SEGMENT);
      expect(socket.send(first.buffer, first.bytes.length)).toBe(0);
      const second = fill(3 * SEGMENT);
      expect(socket.send(second.buffer, second.bytes.length)).toBe(1);
      await within(socket.flush(), 'flush');
      await peer.expect([first.bytes.subarray(0, 2 * SEGMENT), second.bytes]);
      ids.expectEachOnce(2);
      expect([0, 1].map((id) => ids.howOf(id))).toEqual(['failed', 'inline']);
    },
  );

  it('have one timestamp of each stage for each send', suite, async () => {
    const peer = await Listener.open(family);
    const { socket, fill } = await open({
      remote: peer.at,
      timestamps: 'software',
      segmentSize: SEGMENT,
    });
    const stamps: Timestamp[] = [];
    socket.on('timestamp', (stamp) => stamps.push(stamp));
    const sends: Buffer[] = [];
    for (const refused of [0, EVERY_PORT, EVERY_PORT, 0, 0]) {
      refuseSegments(refused);
      const { buffer, bytes } = fill(4 * SEGMENT);
      socket.send(buffer, bytes.length);
      sends.push(bytes);
      await eventually(() => {
        socket.poll();
        return stamps.length;
      }).toBe(2 * sends.length);
    }
    await peer.expect(sends);
    for (const [id] of sends.entries()) {
      const stages = stamps.filter((stamp) => stamp.id === id).map(({ stage }) => stage);
      expect(stages.sort()).toEqual(['scheduled', 'sent']);
    }
  });

  // By the submission thread it is the code of an id that fails, as all that the kernel refuses.
  itInline('of a socket without segments: EIO is the error that it is', suite, async () => {
    const peer = await Listener.open(family);
    const { socket, fill } = await open({ remote: peer.at });
    inject('sendto', { error: 'EIO', times: ALWAYS });
    const { buffer } = fill(100);
    expect(() => socket.send(buffer, 100)).toThrow(expect.objectContaining({ code: 'EIO' }));
    buffer.release();
    expect(socket.info().segmentation).toBeUndefined();
  });
});
