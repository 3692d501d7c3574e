// @ts-check
// What a round does at once. Each activity opens a socket, sends until the deadline, ends in one of
// the ways there are, and balances its books.
import { setImmediate as turn } from 'node:timers/promises';
import { inspect } from 'node:util';
import { PacketSocket, TcpSocket, UdpSocket, XdpSocket } from 'zerosend';
import { announceSeed, fillDatagram, fillStream, fillTrain } from '../../rig/pattern.mjs';
import { Books } from './books.mjs';

/**
 * @typedef {object} Context
 * @property {import('zerosend').BufferPool} pool
 * @property {(limit: number) => number} random
 * @property {number} deadline
 * @property {Record<string, { address: string, port: number }>} targets
 * @property {string | null} interface
 * @property {{ sends: number, bytes: number, ids: number, refused: number, looks: number,
 *   stamps: number, environments: number, outcomes: Record<string, number> }} total
 */

/** Ends a socket in one of the ways there are, and balances. */
async function finish(/** @type {Context} */ context, /** @type {Books} */ books) {
  const { socket } = books;
  const way = context.random(10);
  const report = await (way === 0
    ? socket.abort()
    : socket.close(way < 3 ? { signal: AbortSignal.timeout(20) } : { timeout: 3000 }));
  books.balance(report);
  context.total.ids += report.ids;
  context.total.stamps += books.stamps;
  context.total.bytes += socket.stats().bytes;
  context.total.outcomes[report.outcome] = (context.total.outcomes[report.outcome] ?? 0) + 1;
  if (socket.inFlight !== 0) throw new Error(`${socket.inFlight} in flight after close`);
}

/** What programs ask a socket for while it works. */
function look(/** @type {Context} */ context, /** @type {Books} */ { socket }) {
  const way = context.random(4);
  if (way === 0) socket.stats();
  else if (way === 1) socket.info();
  else if (way === 2) inspect(socket);
  else socket.poll();
  context.total.looks++;
}

/** Options that any socket may have. */
function someOptions(/** @type {Context} */ { random }) {
  return {
    ...(random(3) === 0 ? { sendBufferSize: 20_000 + random(200_000) } : {}),
    ...(random(3) === 0 ? { timestamps: /** @type {const} */ ('software') } : {}),
  };
}

/**
 * Calls `send` until the deadline; a refusal gives the buffer back, and is survived. It answers false
 * when it gave the buffer back itself.
 */
async function pump(
  /** @type {Context} */ context,
  /** @type {Books} */ books,
  /** @type {import('zerosend').BufferPool} */ pool,
  /** @type {(buffer: import('zerosend').PooledBuffer) => boolean | void} */ send,
) {
  const { socket } = books;
  let closed = false;
  socket.on('error', () => {});
  socket.once('close', () => {
    closed = true;
  });
  for (let count = 1; Date.now() < context.deadline && !closed; count++) {
    const buffer = pool.tryAcquire();
    if (buffer === null) {
      await turn();
      continue;
    }
    try {
      if (send(buffer) !== false) context.total.sends++;
    } catch (error) {
      context.total.refused++;
      buffer[Symbol.dispose]();
      const { code } = /** @type {{ code?: string }} */ (error);
      if (code === 'ERR_ZEROSEND_SOCKET_CLOSED') break;
      if (code === undefined || code === 'ERR_ZEROSEND_INTERNAL') throw error;
      await turn();
    }
    if (context.random(40) === 0) look(context, books);
    if (count % 32 === 0) await turn();
  }
}

/** A stream of random sizes, checked by the receiver. */
export async function stream(/** @type {Context} */ context, /** @type {string} */ target) {
  const { random, pool } = context;
  const { address, port } = /** @type {{ address: string, port: number }} */ (
    context.targets[target]
  );
  const socket = await TcpSocket.connect({
    host: address,
    port,
    zeroCopy: random(2) === 0 ? 'always' : 'auto',
    zeroCopyThreshold: random(30_000),
    ...someOptions(context),
  });
  const books = new Books(socket);
  const seed = random(2 ** 31);
  const plain = random(3) === 0;
  let offset = 0;
  await pump(context, books, pool, (buffer) => {
    const length = 8 + random(random(4) === 0 ? 200 : buffer.bytes.length - 8);
    const bytes = plain ? Buffer.alloc(length) : buffer.bytes;
    fillStream(bytes, offset, seed, length);
    if (offset === 0) announceSeed(bytes, seed);
    if (plain) {
      socket.send(bytes, length);
      buffer.release();
    } else {
      socket.send(buffer, length);
    }
    offset += length;
  });
  await finish(context, books);
}

/** GSO trains and single datagrams, one by one and in batches. */
export async function datagrams(/** @type {Context} */ context) {
  const { random, pool } = context;
  const remote = /** @type {{ address: string, port: number }} */ (context.targets.udp);
  const segmentSize = [0, 1200, 1400][random(3)] ?? 0;
  const socket = await UdpSocket.open({
    remote,
    ...(segmentSize > 0 ? { segmentSize } : {}),
    zeroCopy: 'always',
    ...someOptions(context),
  });
  const books = new Books(socket);
  const seed = random(2 ** 31);
  const many = random(2) === 0;
  let sequence = 0;
  await pump(context, books, pool, (buffer) => {
    let length = 16 + random(random(8) === 0 ? 60_000 : 1400);
    let count = 1;
    if (segmentSize > 0) {
      length = segmentSize * (1 + random(45));
      count = fillTrain(buffer.bytes, length, segmentSize, sequence, seed);
    } else {
      fillDatagram(buffer.bytes, sequence, seed, length);
    }
    if (many) socket.sendMany([buffer], length);
    else if (random(4) === 0) socket.sendTo(buffer, length, remote);
    else socket.send(buffer, length);
    sequence += count;
  });
  await finish(context, books);
}

/** Connects, sends a little, closes; again and again. */
export async function connections(/** @type {Context} */ context) {
  while (Date.now() < context.deadline) {
    const short = { ...context, deadline: Math.min(context.deadline, Date.now() + 50) };
    await stream(short, 'tcp');
  }
}

/** Frames through a ring; nobody reads them. */
export async function frames(/** @type {Context} */ context, /** @type {'packet' | 'xdp'} */ kind) {
  const name = context.interface;
  if (name === null) return;
  const init = (/** @type {Buffer} */ bytes) => {
    bytes.fill(0);
    bytes.write('ffffffffffff02000000000188b5', 'hex');
  };
  const socket =
    kind === 'packet'
      ? await PacketSocket.open({
          interface: name,
          frames: 256,
          init,
          ...(context.random(3) === 0 ? { timestamps: 'software' } : {}),
        })
      : await XdpSocket.open({ interface: name, frames: 256, init });
  const books = new Books(socket);
  const { pool } = socket;
  await pump(context, books, pool, (buffer) => {
    if (context.random(50) === 0) {
      buffer.release();
      return false;
    }
    socket.send(buffer, 60 + context.random(1400));
    return true;
  });
  await finish(context, books);
}
