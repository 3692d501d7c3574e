import { setImmediate as turn } from 'node:timers/promises';
import { template } from '../../generator/index.js';
import {
  type BufferPool,
  PacketSocket,
  type PooledBuffer,
  type ZeroCopySocket,
} from '../../index.js';
import type { Slice } from './measurements.js';
import type { RingTarget } from './network.js';

/** One way of sending at one size; sends when told to. */
export interface Sender {
  /** Sends until `performance.now()` reads `until`; resolves when everything has completed. */
  send(until: number): Promise<void>;
  /** Counts since it was made. */
  counts(): Counts;
  close(): Promise<void>;
}

export type Counts = Pick<Slice, 'sends' | 'bytes' | 'zerocopied' | 'fallbacks' | 'failed'>;

/** What takes its turn. */
export interface Contestant {
  run(seconds: number): Promise<Slice>;
  close(): Promise<void>;
}

/** A sender of this process takes part. */
export function contestant(sender: Sender): Contestant {
  return { run: (seconds) => measure(sender, seconds), close: () => sender.close() };
}

/** Has a sender send for so long, and counts what that did. */
async function measure(sender: Sender, seconds: number): Promise<Slice> {
  const before = sender.counts();
  const cpu = process.cpuUsage();
  const start = performance.now();
  await sender.send(start + seconds * 1000);
  const end = performance.now();
  const { user, system } = process.cpuUsage(cpu);
  const after = sender.counts();
  return {
    seconds: (end - start) / 1000,
    cpuSeconds: Math.max(user + system, 1) / 1e6,
    sends: after.sends - before.sends,
    bytes: after.bytes - before.bytes,
    zerocopied: after.zerocopied - before.zerocopied,
    fallbacks: after.fallbacks - before.fallbacks,
    failed: after.failed - before.failed,
  };
}

/** How often the clock is looked at: after so many sends, of about a megabyte. */
const stride = (size: number) => Math.max(2, Math.min(64, Math.floor(2 ** 20 / size)));

/** What a socket has done since now. */
function countsOf(socket: ZeroCopySocket, size: number): () => Counts {
  const first = socket.stats();
  return () => {
    const { sends, zerocopy, inlineFallbacks, failed, revoked } = socket.stats();
    return {
      sends: sends - first.sends,
      bytes: (sends - first.sends) * size,
      zerocopied: zerocopy - first.zerocopy,
      fallbacks: inlineFallbacks - first.inlineFallbacks,
      failed: failed + revoked - first.failed - first.revoked,
    };
  };
}

/** Resolves when the queue of the socket has emptied; rejects when the socket ends before. */
function drained(socket: ZeroCopySocket): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = () => {
      socket.off('drain', done);
      socket.off('close', ended);
      resolve();
    };
    const ended = () => reject(new Error('the socket has closed'));
    socket.on('drain', done);
    socket.on('close', ended);
  });
}

/** The same buffers over and over, in turn: what the kernel reads is as old as the others are many. */
export function sendingInTurn(
  socket: ZeroCopySocket,
  buffers: readonly PooledBuffer[],
  size: number,
): Sender {
  const every = stride(size);
  let next = 0;
  return {
    async send(until) {
      do {
        for (let i = 0; i < every; i++) {
          socket.send((buffers[next] as PooledBuffer).retain(), size);
          next = next + 1 === buffers.length ? 0 : next + 1;
          if (socket.needDrain) await drained(socket);
        }
      } while (performance.now() < until);
      await socket.flush();
    },
    counts: countsOf(socket, size),
    async close() {},
  };
}

/** As a program does that has nothing in flight but its pool: each buffer is acquired and sent. */
export function sendingFromPool(socket: ZeroCopySocket, pool: BufferPool, size: number): Sender {
  const every = stride(size);
  return {
    async send(until) {
      do {
        for (let i = 0; i < every; i++) {
          socket.send(pool.tryAcquire() ?? (await pool.acquire()), size);
          if (socket.needDrain) await drained(socket);
        }
      } while (performance.now() < until);
      await socket.flush();
    },
    counts: countsOf(socket, size),
    async close() {},
  };
}

/** Runs of up to `batch` buffers, each by one call. */
export function sendingRuns(
  socket: ZeroCopySocket,
  pool: BufferPool,
  size: number,
  batch: number,
): Sender {
  return {
    async send(until) {
      do {
        for (let sent = 0; sent < 64; ) {
          const run = pool.tryAcquireRun(batch) ?? (await pool.acquireRun(batch));
          sent += run.count;
          socket.sendMany(run, size);
          if (socket.needDrain) await drained(socket);
        }
      } while (performance.now() < until);
      await socket.flush();
    },
    counts: countsOf(socket, size),
    async close() {},
  };
}

const RING_BATCH = 64;
const MAX_RING = 64 << 20; // bytes, which the kernel has to find in pieces of 64 KiB and more
const HEADERS = 42; // bytes: Ethernet, IPv4, UDP

/** Frames that hold what a UDP send of `size` bytes makes, in a ring of its own. */
export async function sendingByRing(
  target: RingTarget,
  size: number,
  segment: number,
  frames: number,
): Promise<Sender> {
  const frame = template({
    ethernet: { source: '02:00:00:00:00:01', destination: target.mac },
    ipv4: { source: target.source, destination: target.address },
    udp: { source: 1024, destination: target.port },
    length: HEADERS + size,
    virtioNetHeader: size > segment ? { segmentSize: segment } : true,
  });
  const slot = 2 ** Math.ceil(Math.log2(frame.length + 32)); // as the ring rounds it up
  const socket = await PacketSocket.open({
    interface: target.interface,
    frames: Math.min(frames, 65_536, Math.floor(MAX_RING / slot)),
    frameSize: frame.length,
    virtioNetHeader: true,
    init: (bytes) => void bytes.set(frame.bytes),
  });
  const sender = sendingRuns(socket, socket.pool, frame.length, RING_BATCH);
  const counts = countsOf(socket, size);
  return {
    ...sender,
    counts,
    async close() {
      await socket.close();
      await turn(); // its ring is unmapped before the next one is asked for
    },
  };
}
