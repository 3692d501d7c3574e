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

/** One way of sending, at one size. */
export interface Sender {
  /** Sends until `performance.now()` reads `until`; resolves when everything has completed. */
  send(until: number): Promise<void>;
  /** Counts since it was made. */
  counts(): Counts;
  close(): Promise<void>;
}

export type Counts = Pick<Slice, 'sends' | 'bytes' | 'zerocopied' | 'fallbacks' | 'failed'>;

/** A sender that is measured in turns with others. */
export interface Contestant {
  run(seconds: number): Promise<Slice>;
  close(): Promise<void>;
}

/** Makes a contestant of a sender of this process. */
export function contestant(sender: Sender): Contestant {
  return { run: (seconds) => measure(sender, seconds), close: () => sender.close() };
}

/** Lets a sender send for `seconds`, and measures it. */
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

/** After how many sends the clock is read: about a megabyte. */
const stride = (size: number) => Math.max(2, Math.min(64, Math.floor(2 ** 20 / size)));

/** Counts what a socket does from now on. */
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

/**
 * Sends the same buffers over and over, in turn. The more buffers there are, the longer ago the
 * memory that the kernel reads was last touched.
 */
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

/** Acquires each buffer from a pool and sends it, as most programs do. */
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

/** Sends runs of up to `batch` buffers, each by one call. */
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
const MAX_RING = 64 << 20; // bytes; the kernel has to allocate it in pieces of 64 KiB and more
const HEADERS = 42; // bytes: Ethernet, IPv4, UDP

/** Sends by a ring of its own the frames that a UDP send of `size` bytes makes. */
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
      await turn(); // lets its ring be unmapped before the next one is made
    },
  };
}
