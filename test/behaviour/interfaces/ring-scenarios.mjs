// @ts-check
// What only the sockets have whose ring is their pool.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { PacketSocket, XdpSocket } from 'zerosend';
import { IdChecker } from '../../../rig/ids.mjs';
import { codeOf, open } from './kinds.mjs';

/** @typedef {import('./kinds.mjs').Kind} Kind @typedef {import('./kinds.mjs').Place} Place */

const ip = (/** @type {string[]} */ ...args) => execFileSync('ip', args);

const counter = (/** @type {Place} */ place, /** @type {string} */ name) =>
  Number(readFileSync(`/sys/class/net/${place.interface}/statistics/${name}`, 'utf8'));

const take = (/** @type {import('zerosend').BufferPool} */ pool) =>
  /** @type {import('zerosend').PooledBuffer} */ (pool.tryAcquire());

/** Frames leave in the order in which they were acquired. */
export async function order(/** @type {Kind} */ kind, /** @type {Place} */ place) {
  const { socket, pool, length } = await open(kind, place);
  const ids = IdChecker.of(socket);
  const first = take(pool);
  const second = take(pool);
  const third = take(pool);
  socket.send(second, length);
  socket.send(third, length);
  await delay(100);
  const before = { ...ids.how };
  const needDrain = socket.needDrain;
  first.release();
  const next = take(pool);
  const handedOut = next.index === first.index;
  socket.send(next, length);
  await socket.flush();
  const report = await socket.close();
  return { before, needDrain, handedOut, report, ...ids.result() };
}

/** As many frames go out as ids say, by the interface's own count. */
export async function counted(/** @type {Kind} */ kind, /** @type {Place} */ place) {
  const before = counter(place, 'tx_packets');
  const { socket, pool, length } = await open(kind, place);
  for (let sent = 0; sent < 3000; sent++) {
    const buffer = pool.tryAcquire() ?? (await pool.acquire());
    if (sent % 10 === 3) {
      buffer.release();
      sent--;
      socket.send(Buffer.alloc(length, 0xff)); // a broadcast frame of zeros and ones
      sent++;
    } else {
      socket.send(buffer, length);
    }
  }
  const report = await socket.close();
  return { report, sent: counter(place, 'tx_packets') - before, stats: socket.stats() };
}

/** Frames wait while the interface is down, and go when it is up again. */
export async function linkDown(/** @type {Kind} */ kind, /** @type {Place} */ place) {
  const { socket, pool, length } = await open(kind, place);
  const ids = IdChecker.of(socket);
  socket.send(take(pool), length);
  await socket.flush();
  ip('link', 'set', place.interface, 'down');
  for (let i = 0; i < 5; i++) socket.send(take(pool), length);
  await delay(200);
  const down = { inFlight: socket.inFlight, info: socket.info().linkDown };
  ip('link', 'set', place.interface, 'up');
  await Promise.race([socket.flush(), delay(5000, null, { ref: false })]);
  const up = { inFlight: socket.inFlight, info: socket.info().linkDown };
  const report = await socket.close({ timeout: 1000 });
  return { down, up, report, linkDown: socket.stats().linkDown, ...ids.result() };
}

/** The interface goes away for good while frames are being sent. */
export async function interfaceDeleted(/** @type {Kind} */ kind, /** @type {Place} */ place) {
  ip('link', 'add', 'gone0', 'type', 'veth', 'peer', 'name', 'gone1');
  ip('link', 'set', 'gone0', 'up');
  ip('link', 'set', 'gone1', 'up');
  const { socket, pool, length } = await open(kind, { ...place, interface: 'gone0' });
  const ids = IdChecker.of(socket);
  /** @type {string[]} */
  const events = [];
  socket.on('error', (error) => events.push(/** @type {any} */ (error).code));
  const closed = new Promise((settle) => {
    socket.once('close', (report) => {
      events.push('close');
      settle(report);
    });
  });
  for (let sent = 0; sent < 100; sent++) {
    const buffer = take(pool);
    if (buffer !== null && codeOf(() => socket.send(buffer, length)) !== null) break;
    if (sent === 50) ip('link', 'del', 'gone0');
    await delay(1);
    if (socket.fd < 0) break;
  }
  const report = await Promise.race([closed, delay(8000, null, { ref: false })]);
  return { events, report, ...ids.result() };
}

/** Options and frames that cannot be. */
export async function refusedFrames(/** @type {Kind} */ kind, /** @type {Place} */ place) {
  const rejected = async (/** @type {object} */ options) => {
    const type = kind === 'packet' ? PacketSocket : XdpSocket;
    try {
      await (await type.open({ interface: place.interface, ...options })).close();
      return null;
    } catch (error) {
      return /** @type {{ code?: string }} */ (error).code;
    }
  };
  const { socket, pool } = await open(kind, place);
  const buffer = take(pool);
  /** @type {Record<string, string | null | undefined>} */
  const codes = {
    noSuchInterface: await rejected({ interface: 'zsnone0' }),
    longName: await rejected({ interface: 'a'.repeat(20) }),
    noFrames: await rejected({ frames: 0 }),
    hugeFrame: await rejected({ frameSize: 200_000 }),
    oddFrame: await rejected({ frameSize: 3000.5 }),
    tooLong: codeOf(() => socket.send(buffer, 1600)),
    tooLongUntagged: codeOf(() => socket.send(buffer, 1518)),
    tooShort: codeOf(() => socket.send(buffer, 8)),
    plainTooLong: codeOf(() => socket.send(Buffer.alloc(1600))),
  };
  const ids = socket.nextId;
  const held = pool.acquired;
  buffer.release();
  const batch = [take(pool), take(pool), take(pool)];
  const indexOf = (/** @type {() => unknown} */ action) => {
    try {
      action();
      return null;
    } catch (error) {
      return /** @type {{ index?: number }} */ (error).index;
    }
  };
  codes.batch = codeOf(() => socket.sendMany(batch, [60, 1516, 60]));
  const indices = [
    [60, 1516, 60],
    [60, 60, 1600],
    [8, 60, 60],
  ].map((lengths) => indexOf(() => socket.sendMany(batch, lengths)));
  for (const frame of batch) frame.release();
  await socket.close();
  return { codes, ids, held, indices };
}

/** An MTU that shrinks under frames that were right when they were sent. */
export async function mtuShrinks(/** @type {Kind} */ kind, /** @type {Place} */ place) {
  const { socket, pool } = await open(kind, place);
  const ids = IdChecker.of(socket);
  socket.send(take(pool), 1400);
  await socket.flush();
  const [first, second] = [take(pool), take(pool)];
  socket.send(second, 1400); // waits in the ring for the one before it
  ip('link', 'set', place.interface, 'mtu', '1000');
  socket.send(first, 900);
  socket.send(take(pool), 900);
  await Promise.race([socket.flush(), delay(3000, null, { ref: false })]);
  const held = take(pool);
  const refused = codeOf(() => socket.send(held, 1400));
  held.release(); // or the frames behind it would wait for it
  const free = pool.free;
  // And the ring goes on.
  for (let sent = 0; sent < 200; sent++) {
    socket.send(pool.tryAcquire() ?? (await pool.acquire()), 900);
  }
  await Promise.race([socket.flush(), delay(3000, null, { ref: false })]);
  ip('link', 'set', place.interface, 'mtu', '1500');
  const report = await socket.close();
  return { refused, free, report, ...ids.result() };
}

/** Offload headers: the right ones go out, wrong ones are refused before they reach the ring. */
export async function offload(/** @type {Kind} */ _kind, /** @type {Place} */ place) {
  const socket = await PacketSocket.open({
    interface: place.interface,
    frames: 16,
    frameSize: 65_000,
    virtioNetHeader: true,
  });
  const ids = IdChecker.of(socket);
  const header = (
    /** @type {number} */ flags,
    /** @type {number} */ type,
    /** @type {number} */ headerLength,
    /** @type {number} */ segment,
    /** @type {number} */ start,
    /** @type {number} */ offset,
    /** @type {number} */ length,
  ) => {
    const buffer = take(socket.pool);
    buffer.bytes.fill(0, 0, length);
    buffer.bytes.writeUInt8(flags, 0);
    buffer.bytes.writeUInt8(type, 1);
    buffer.bytes.writeUInt16LE(headerLength, 2);
    buffer.bytes.writeUInt16LE(segment, 4);
    buffer.bytes.writeUInt16LE(start, 6);
    buffer.bytes.writeUInt16LE(offset, 8);
    buffer.bytes.write('ffffffffffff0200000000010800', 10, 'hex');
    buffer.bytes.write('450000000000000040060000c6120001c6120002', 24, 'hex');
    buffer.bytes.writeUInt16BE(Math.max(0, length - 24), 26);
    buffer.bytes.writeUInt8(0x50, 10 + 34 + 12); // TCP data offset
    const code = codeOf(() => socket.send(buffer, length));
    if (code !== null) buffer.release();
    return code;
  };
  const codes = {
    plain: header(0, 0, 0, 0, 0, 0, 1000),
    tso: header(1, 1, 54, 1448, 34, 16, 60_000),
    unknownType: header(1, 9, 54, 1448, 34, 16, 60_000),
    noSegmentSize: header(1, 1, 54, 0, 34, 16, 60_000),
    noChecksum: header(0, 1, 54, 1448, 34, 16, 60_000),
    headerTooLong: header(1, 1, 60_001, 1448, 34, 16, 60_000),
    checksumBeyond: header(1, 0, 0, 0, 990, 16, 1000),
    longWithoutTso: header(0, 0, 0, 0, 0, 0, 2000),
    short: header(0, 0, 0, 0, 0, 0, 20),
  };
  await Promise.race([socket.flush(), delay(3000, null, { ref: false })]);
  const report = await socket.close();
  return { codes, report, ...ids.result() };
}

/** The link layer by the kernel: as many bytes go out as with one's own header. */
export async function cooked(/** @type {Kind} */ _kind, /** @type {Place} */ place) {
  // Or the kernel's own neighbour discovery would be counted, too.
  writeFileSync(`/proc/sys/net/ipv6/conf/${place.interface}/disable_ipv6`, '1');
  const bytes = async (/** @type {object} */ options, /** @type {number} */ length) => {
    const before = counter(place, 'tx_bytes');
    const socket = await PacketSocket.open({ interface: place.interface, ...options });
    for (let i = 0; i < 10; i++) {
      const buffer = take(socket.pool);
      buffer.bytes.fill(0);
      buffer.bytes.write('02000000000202000000000188b5', 'hex');
      socket.send(buffer, length);
    }
    await socket.flush();
    const report = await socket.close();
    return { report, bytes: counter(place, 'tx_bytes') - before };
  };
  const linkLayer = { destination: '02:00:00:00:00:02', protocol: 0x88b5 };
  return { raw: await bytes({}, 1014), cooked: await bytes({ linkLayer }, 1000) };
}

/** What AF_XDP grants. */
export async function modes(/** @type {Kind} */ _kind, /** @type {Place} */ place) {
  const granted = async (/** @type {'best' | 'zerocopy' | 'copy'} */ mode) => {
    try {
      const socket = await XdpSocket.open({ interface: place.interface, mode });
      const { xdp } = socket.info();
      await socket.close();
      return xdp;
    } catch (error) {
      return /** @type {{ code?: string }} */ (error).code;
    }
  };
  const first = await XdpSocket.open({ interface: place.interface, frames: 16 });
  const second = await XdpSocket.open({ interface: place.interface, frames: 16 }).catch(
    (error) => error.code,
  );
  await first.close();
  return {
    best: await granted('best'),
    copy: await granted('copy'),
    zerocopy: await granted('zerocopy'),
    taken: typeof second === 'string' ? second : 'granted',
    noQueue: await XdpSocket.open({ interface: place.interface, queue: 999 }).catch((e) => e.code),
  };
}
