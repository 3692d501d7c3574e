// @ts-check
// Frames of a packet ring that wait for one acquired before them. In a network namespace of its own.
import { execFileSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { BufferPool, PacketSocket, UdpSocket, XdpSocket } from 'zerosend';
import { IdChecker } from '../../../rig/ids.mjs';
import { addsUp, codeOf } from './kinds.mjs';

const ip = (/** @type {string} */ words) => execFileSync('ip', words.split(' '));
const LENGTH = 100;

/** @type {{ code: string, message: string }[]} */
const warnings = [];
process.on('warning', (warning) => {
  const { code, message } = /** @type {Error & { code: string }} */ (warning);
  warnings.push({ code, message });
});

/** @param {{ frames?: number, loopback?: boolean, timestamps?: 'software' }} [options] */
async function open({ frames = 32, loopback = true, timestamps } = {}) {
  if (loopback) ip('link set lo up');
  ip('link add held0 type ifb');
  ip('link set held0 addrgenmode none up'); // the kernel sends nothing of its own
  const socket = await PacketSocket.open({
    interface: 'held0',
    frames,
    frameSize: 2016,
    timestamps,
    init: (bytes) => void bytes.fill(0).write('ffffffffffff02000000000188b5', 'hex'),
  });
  const { pool } = socket;
  const take = () => /** @type {import('zerosend').PooledBuffer} */ (pool.tryAcquire());
  return { socket, pool, take, ids: IdChecker.of(socket) };
}

const sent = () =>
  Number(
    /** @type {any[]} */ (
      JSON.parse(execFileSync('ip', ['-j', '-s', 'link', 'show', 'held0'], { encoding: 'utf8' }))
    )[0].stats64.rx.packets,
  );

/** Some released unsent, whose places nobody fills: before the others are sent, and after. */
export async function released(/** @type {string} */ kind) {
  const stamped = kind === 'timestamps' ? /** @type {const} */ ({ timestamps: 'software' }) : {};
  const { socket, pool, take, ids } = await open(stamped);
  let balanced = true;
  for (let round = 0; round < 20; round++) {
    const frames = Array.from({ length: 12 }, take);
    frames[0]?.release();
    frames[1]?.release();
    for (const i of [2, 3, 5, 6, 9, 11]) socket.send(/** @type {any} */ (frames[i]), LENGTH);
    for (const i of [4, 7, 8, 10]) frames[i]?.release();
    balanced &&= addsUp(pool);
    await socket.flush();
  }
  const closing = Array.from({ length: 3 }, take);
  for (const i of [1, 2]) socket.send(/** @type {any} */ (closing[i]), LENGTH);
  closing[0]?.release();
  const report = await socket.close();
  const packets = sent();
  return { report, balanced, packets, warnings, free: pool.free, ...ids.result() };
}

/** A run of which nothing is sent, and one frame behind it. */
export async function run() {
  const { socket, pool, take, ids } = await open();
  const first = /** @type {import('zerosend').BufferRun} */ (pool.tryAcquireRun(8));
  socket.send(take(), LENGTH);
  first.release();
  await socket.flush();
  for (let i = 0; i < 100; i++) socket.send(await pool.acquire(), LENGTH);
  return { report: await socket.close(), warnings, ...ids.result() };
}

/** One that is held is told of, once, and waited for; so is one that cannot be passed. */
export async function held(/** @type {string} */ kind) {
  const { socket, pool, take, ids } = await open({ loopback: kind !== 'without loopback' });
  const frames = Array.from({ length: 4 }, take);
  if (kind !== 'held') frames[0]?.release();
  for (const i of [1, 2, 3]) socket.send(/** @type {any} */ (frames[i]), LENGTH);
  while (kind !== 'held' ? warnings.length === 0 && socket.inFlight > 0 : warnings.length === 0) {
    await delay(20);
  }
  const { ring } = socket.info();
  await delay(1500);
  const waits = socket.inFlight;
  const last = kind === 'held' ? frames[0] : pool.tryAcquire();
  socket.send(/** @type {any} */ (last), LENGTH);
  await socket.flush();
  const after = socket.info().ring;
  return { ring, waits, after, report: await socket.close(), warnings, ...ids.result() };
}

/** Which memory may be sent how. */
export async function views() {
  const { socket, pool, take } = await open();
  const xdp = await XdpSocket.open({ interface: 'held0', frames: 8 });
  const udp = await UdpSocket.open({ remote: { address: '127.0.0.1', port: 9 } });
  const other = new BufferPool({ count: 2, bufferSize: 4096 });
  const plain = /** @type {import('zerosend').PooledBuffer} */ (other.tryAcquire());
  const chunk = /** @type {import('zerosend').PooledBuffer} */ (xdp.pool.tryAcquire());
  const frame = take();
  const view = (/** @type {import('zerosend').PooledBuffer} */ { bytes }) => bytes.subarray(0, 60);
  const codes = {
    packet: codeOf(() => socket.send(view(frame))),
    xdp: codeOf(() => xdp.send(view(chunk))),
    udp: codeOf(() => udp.send(view(plain))),
    'udp, a part': codeOf(() => udp.send(plain.bytes.subarray(100, 200))),
    'udp, sendTo': codeOf(() => udp.sendTo(view(plain), 10, { address: '127.0.0.1', port: 9 })),
    'udp, a copy': codeOf(() => udp.send(Buffer.from(view(plain)))),
    'udp, of a ring': codeOf(() => udp.send(view(frame))),
    'retain, packet': codeOf(() => frame.retain()),
    'retain, xdp': codeOf(() => chunk.retain()),
    'retain, udp': codeOf(() => plain.retain()),
  };
  const taken = [socket.nextId, xdp.nextId, udp.nextId];
  // An XDP frame can be sent again while it is in flight.
  for (let i = 0; i < 2; i++) xdp.send(chunk, 60);
  await xdp.flush();
  const back = xdp.pool.free;
  socket.send(frame, 60);
  for (const one of [socket, xdp, udp]) await one.close();
  return { codes, taken, back, free: pool.free };
}
