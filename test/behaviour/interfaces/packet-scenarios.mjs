// @ts-check
// Packets of AF_XDP that go out of several frames. Each scenario returns what it saw.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { BufferPool, XdpSocket } from 'zerosend';
import { IdChecker } from '../../../rig/ids.mjs';
import { udpFrame } from '../../support/udp-frame.mjs';
import { addsUp, codeOf } from './kinds.mjs';

/**
 * @typedef {object} Place
 * @property {string} interface
 * @property {number} port of the receiver
 * @property {number} seed of the content, as the receiver expects it
 * @typedef {import('zerosend').PooledBuffer} PooledBuffer
 */

const MTU = 9000;
const LONGEST = MTU + 14;

/** The numbers of a sequence that each run repeats: below `limit`. */
function random(seed = 1) {
  let state = Math.imul(seed, 0x9e3779b1) | 1;
  return (/** @type {number} */ limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

const packet = (/** @type {Place} */ place, /** @type {number} */ sequence, length = LONGEST) =>
  udpFrame(place, sequence, length);

async function open(/** @type {Place} */ place, /** @type {object} */ options = {}) {
  const socket = await XdpSocket.open({ interface: place.interface, ...options });
  return { socket, pool: socket.pool, ids: IdChecker.of(socket) };
}

/** So many buffers, as soon as there are. */
async function take(/** @type {BufferPool} */ pool, /** @type {number} */ count) {
  /** @type {PooledBuffer[]} */
  const buffers = [];
  while (buffers.length < count) buffers.push(pool.tryAcquire() ?? (await pool.acquire()));
  return buffers;
}

/** Lays `bytes` into as many buffers as `lengths` has. */
async function lay(
  /** @type {BufferPool} */ pool,
  /** @type {Buffer} */ bytes,
  /** @type {number[]} */ lengths,
) {
  const buffers = await take(pool, lengths.length);
  let at = 0;
  for (const [i, length] of lengths.entries()) {
    /** @type {PooledBuffer} */ (buffers[i]).bytes.set(bytes.subarray(at, at + length));
    at += length;
  }
  return buffers;
}

/** `total` in full buffers of `size`, the last one with the rest. */
function full(/** @type {number} */ total, /** @type {number} */ size) {
  const lengths = Array(Math.floor(total / size)).fill(size);
  if (total % size > 0) lengths.push(total % size);
  return lengths;
}

/** `total` in `count` pieces of any lengths that fit, the first with the link header. */
function pieces(
  /** @type {number} */ total,
  /** @type {number} */ count,
  /** @type {number} */ size,
  /** @type {(limit: number) => number} */ below,
) {
  const lengths = [];
  let left = total;
  for (let i = 0; i < count; i++) {
    const behind = count - i - 1;
    const least = Math.max(i === 0 ? 14 : 1, left - behind * size);
    const most = Math.min(size, left - behind);
    lengths.push(least + below(most - least + 1));
    left -= /** @type {number} */ (lengths.at(-1));
  }
  return lengths;
}

const counter = (/** @type {Place} */ place, /** @type {string} */ name) =>
  Number(readFileSync(`/sys/class/net/${place.interface}/statistics/${name}`, 'utf8'));

/** Packets of all lengths out of 1 to 17 frames of any lengths, between frames sent alone. */
async function content(/** @type {Place} */ place, /** @type {number} */ frameSize) {
  const below = random(frameSize);
  const before = counter(place, 'tx_packets');
  const { socket, pool, ids } = await open(place, { frameSize, frames: 256 });
  let balanced = true;
  let descriptors = 0;
  /** @type {number[]} */
  const given = [];
  for (let sequence = 0; sequence < 1500; sequence++) {
    const choice = below(4);
    if (choice === 0) {
      const length = 60 + below(1400);
      const [buffer] = await lay(pool, packet(place, sequence, length), [length]);
      given.push(socket.send(/** @type {PooledBuffer} */ (buffer), length));
      descriptors++;
    } else if (choice === 1) {
      const bytes = packet(place, sequence);
      const lengths = full(bytes.length, frameSize);
      given.push(socket.sendPacket(await lay(pool, bytes, lengths), bytes.length));
      descriptors += lengths.length;
    } else {
      const count = 1 + below(17);
      const most = Math.min(LONGEST, count * frameSize);
      const length = 60 + below(most - 59);
      const lengths = pieces(length, count, frameSize, below);
      const buffers = await lay(pool, packet(place, sequence, length), lengths);
      given.push(socket.sendPacket(buffers, lengths));
      descriptors += count;
    }
    balanced &&= addsUp(pool);
    if (sequence % 100 === 99) {
      await socket.flush();
      balanced &&= pool.free === pool.count;
      // The receiver's socket has room for a hundred, but not for all.
      await delay(5);
    }
  }
  await socket.flush();
  const free = pool.free === pool.count;
  const report = await socket.close();
  const stats = socket.stats();
  return {
    consecutive: given.every((id, index) => id === index),
    balanced,
    free,
    report,
    packets: counter(place, 'tx_packets') - before,
    pieces: stats.kernelIds - descriptors,
    sends: stats.sends,
    ...ids.result(),
  };
}

export const content2048 = (/** @type {string} */ _kind, /** @type {Place} */ place) =>
  content(place, 2048);
export const content4096 = (/** @type {string} */ _kind, /** @type {Place} */ place) =>
  content(place, 4096);

/** What cannot be sent takes no id, no buffer, and nothing into the ring. */
export async function refusals(/** @type {string} */ _kind, /** @type {Place} */ place) {
  const { socket, pool, ids } = await open(place, { frames: 32 });
  const bytes = packet(place, 0);
  const lengths = full(LONGEST, 2048);
  const buffers = await lay(pool, bytes, lengths);
  const [first, second, third] = /** @type {[PooledBuffer, PooledBuffer, PooledBuffer]} */ (
    /** @type {unknown} */ (buffers)
  );
  const other = new BufferPool({ count: 1 });
  const foreign = /** @type {PooledBuffer} */ (other.tryAcquire());
  const more = await take(pool, 13);
  const returned = /** @type {PooledBuffer} */ (pool.tryAcquire());
  returned.release();
  const any = (/** @type {unknown} */ value) => /** @type {any} */ (value);
  const codes = {
    noArray: codeOf(() => socket.sendPacket(any('frames'), 100)),
    empty: codeOf(() => socket.sendPacket([], 100)),
    tooMany: codeOf(() => socket.sendPacket([...buffers, ...more], Array(18).fill(20))),
    missing: codeOf(() => socket.sendPacket(buffers, any(undefined))),
    zero: codeOf(() => socket.sendPacket(buffers, 0)),
    fraction: codeOf(() => socket.sendPacket(buffers, 9000.5)),
    notANumber: codeOf(() => socket.sendPacket(buffers, Number.NaN)),
    lastUnused: codeOf(() => socket.sendPacket(buffers, 8192)),
    beyondAll: codeOf(() => socket.sendPacket(buffers, 5 * 2048 + 1)),
    fewLengths: codeOf(() => socket.sendPacket(buffers, lengths.slice(1))),
    zeroPart: codeOf(() => socket.sendPacket([first, second], [100, 0])),
    longPart: codeOf(() => socket.sendPacket([first, second], [100, 2049])),
    textPart: codeOf(() => socket.sendPacket([first, second], any(['100', 100]))),
    cutHeader: codeOf(() => socket.sendPacket([first, second], [13, 100])),
    beyondMtu: codeOf(() => socket.sendPacket(buffers, LONGEST + 5)),
    beyondMtuUntagged: codeOf(() => socket.sendPacket(buffers, LONGEST + 1)),
    noBuffer: codeOf(() => socket.sendPacket([first, any(null), third], [100, 100, 100])),
    bytes: codeOf(() => socket.sendPacket(any([Buffer.alloc(2048), second]), [100, 100])),
    twice: codeOf(() => socket.sendPacket([first, second, first], [100, 100, 100])),
    foreign: codeOf(() => socket.sendPacket([first, second, foreign], [100, 100, 100])),
    released: codeOf(() => socket.sendPacket([first, returned], [100, 100])),
  };
  const message = (() => {
    try {
      socket.sendPacket(buffers, LONGEST + 5);
      return '';
    } catch (error) {
      return /** @type {Error} */ (error).message;
    }
  })();
  const untouched = { ids: socket.nextId, acquired: pool.acquired, inFlight: pool.inFlight };
  for (const buffer of more) buffer.release();
  // They are as they were: the packet goes out of the very same buffers.
  socket.sendPacket(buffers, LONGEST);
  const inFlight = codeOf(() => socket.sendPacket(buffers, LONGEST));
  await socket.flush();
  const sentAlready = codeOf(() => socket.sendPacket(buffers, LONGEST));
  const late = await take(pool, 2);
  const report = await socket.close();
  const closed = codeOf(() => socket.sendPacket(late, [100, 100]));
  const stillHeld = pool.acquired;
  for (const buffer of late) buffer.release();
  const result = ids.result();
  return { codes, message, untouched, inFlight, sentAlready, closed, stillHeld, report, ...result };
}

const ip = (/** @type {string[]} */ ...args) => execFileSync('ip', args);

/** Room for a part of a packet is no room. */
export async function room(/** @type {string} */ _kind, /** @type {Place} */ place) {
  const { socket, pool, ids } = await open(place, { frames: 8 });
  const bytes = packet(place, 0);
  const buffers = await lay(pool, bytes, full(bytes.length, 2048));
  for (const buffer of buffers) buffer.retain(1000);
  ip('link', 'set', place.interface, 'down');
  const codes = [];
  for (let i = 0; i < 14; i++) codes.push(codeOf(() => socket.sendPacket(buffers, bytes.length)));
  const { nextId, inFlight } = socket;
  const leases = pool.stats().acquired;
  ip('link', 'set', place.interface, 'up');
  await Promise.race([socket.flush(), delay(5000, null, { ref: false })]);
  codes.push(codeOf(() => socket.sendPacket(buffers, bytes.length)));
  await socket.flush();
  for (const buffer of buffers) buffer[Symbol.dispose]();
  const free = pool.free;
  const report = await socket.close();
  return { codes, nextId, inFlight, leases, free, report, ...ids.result() };
}

/** Packets that wait in the ring when the socket is given up. */
async function givenUp(
  /** @type {Place} */ place,
  /** @type {(socket: XdpSocket) => Promise<import('zerosend').CloseReport>} */ end,
) {
  const { socket, pool, ids } = await open(place, { frames: 64 });
  const bytes = packet(place, 0);
  const lengths = full(bytes.length, 2048);
  for (let i = 0; i < 3; i++) socket.sendPacket(await lay(pool, bytes, lengths), bytes.length);
  await socket.flush();
  ip('link', 'set', place.interface, 'down');
  for (let i = 0; i < 4; i++) socket.sendPacket(await lay(pool, bytes, lengths), bytes.length);
  const alone = /** @type {PooledBuffer} */ (pool.tryAcquire());
  alone.bytes.set(bytes.subarray(0, 60));
  socket.send(alone, 60);
  const before = pool.stats();
  const start = Date.now();
  const report = await end(socket);
  const ms = Date.now() - start;
  const after = pool.stats();
  ip('link', 'set', place.interface, 'up');
  return { ms, report, before, after, balanced: addsUp(pool), ...ids.result() };
}

export const aborted = (/** @type {string} */ _kind, /** @type {Place} */ place) =>
  givenUp(place, (socket) => socket.abort());
export const closed = (/** @type {string} */ _kind, /** @type {Place} */ place) =>
  givenUp(place, (socket) => socket.close({ timeout: 100 }));

/** Buffers with leases left stay with their user. */
export async function leases(/** @type {string} */ _kind, /** @type {Place} */ place) {
  const { socket, pool, ids } = await open(place, { frames: 8 });
  const bytes = packet(place, 0);
  const buffers = await lay(pool, bytes, full(bytes.length, 2048));
  const [header] = /** @type {[PooledBuffer]} */ (/** @type {unknown} */ (buffers));
  header.retain(1); // the first frame twice, the others once
  socket.sendPacket(buffers, bytes.length);
  await socket.flush();
  const once = pool.stats();
  // Its own second packet: the same buffer may stand in a packet as often as it has leases.
  header.retain(2);
  socket.sendPacket([header, header, header], [100, 100, 100]);
  await socket.flush();
  const end = pool.stats();
  return { once, end, report: await socket.close(), ...ids.result() };
}
