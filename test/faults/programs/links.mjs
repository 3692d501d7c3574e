// @ts-check
// Sockets that cannot hear of their interface, or have lost some of the news.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { openDescriptors, until } from '../sender.mjs';
import {
  ALWAYS,
  clearFaults,
  faults,
  inject,
  PacketSocket,
  setOption,
  XdpSocket,
} from '../zerosend.mjs';

/** @typedef {import('../zerosend.mjs').Call} Call @typedef {import('../zerosend.mjs').Fault} Fault */

const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const NAME = `zn${process.pid}`;
const ip = (/** @type {string} */ words) => execFileSync('ip', words.split(' '));

function addSink() {
  ip(`link add ${NAME} type ifb`);
  ip(`link set ${NAME} up`);
}

const open = (/** @type {'packet' | 'xdp'} */ kind) =>
  kind === 'packet'
    ? PacketSocket.open({ interface: NAME, frames: 32 })
    : XdpSocket.open({ interface: NAME, frames: 32 });

/** Whether a socket that is left alone is told that its interface was removed. */
async function hearsOfTheEnd(
  /** @type {import('zerosend').PacketSocket | import('zerosend').XdpSocket} */ socket,
) {
  /** @type {string[]} */
  const codes = [];
  socket.on('error', (error) => codes.push(/** @type {any} */ (error).code));
  ip(`link del ${NAME}`);
  return (await until(() => socket.fd < 0)) && codes.join() === 'ENXIO';
}

/** The descriptor that hears of interfaces: the only one of this process that has subscribed to them. */
function listener() {
  const rows = readFileSync('/proc/net/netlink', 'utf8').trim().split('\n').slice(1);
  const inodes = rows.map((row) => row.trim().split(/\s+/)).filter((row) => row[3] === '00000001');
  return readdirSync('/proc/self/fd').find((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return inodes.some((row) => target === `socket:[${row[9]}]`);
    } catch {
      return false; // the one that the folder was read by
    }
  });
}

/** The news is lost for want of room in its queue: everything is asked for. */
async function overflow(/** @type {'packet' | 'xdp'} */ kind) {
  addSink();
  const socket = await open(kind);
  const queue = Number(listener());
  setOption(queue, SOL_SOCKET, SO_RCVBUF, 1); // the least that there is
  // The thread sleeps, while more happens than the queue holds.
  inject('recv', { delay: 500, error: 'EAGAIN' });
  ip(`link set ${NAME} mtu 1000`);
  const asleep = await until(() => faults('recv').struck === 1);
  for (let mtu = 1001; mtu < 1010; mtu++) ip(`link set ${NAME} mtu ${mtu}`);
  const hears = await hearsOfTheEnd(socket);
  const drops = /** @type {string} */ (
    readFileSync('/proc/net/netlink', 'utf8')
      .split('\n')
      .find((row) => row.trim().split(/\s+/)[3] === '00000001')
  );
  return { asleep, lost: Number(drops.trim().split(/\s+/)[8]) > 0, hears };
}

/** The news cannot be read: that is not tried for ever, and the socket goes on without. */
async function denied(/** @type {'packet' | 'xdp'} */ kind) {
  addSink();
  const socket = await open(kind);
  inject('recv', { error: 'EPERM', times: ALWAYS });
  ip(`link set ${NAME} mtu 1000`);
  const tried = await until(() => faults('recv').struck > 0);
  await delay(100); // a thread that tries for ever does so thousands of times
  const tries = faults('recv').struck;
  socket.send(/** @type {import('zerosend').PooledBuffer} */ (socket.pool.tryAcquire()), 100);
  await socket.flush();
  const { outcome } = await socket.close();
  return { tried, few: tries < 10, outcome };
}

/** The first socket opens without news; the next one has it. */
async function deaf(
  /** @type {'packet' | 'xdp'} */ kind,
  /** @type {Call} */ call,
  /** @type {Fault} */ fault,
) {
  addSink();
  inject(call, fault);
  const socket = await open(kind);
  const { struck } = faults(call);
  clearFaults();
  const frame = /** @type {import('zerosend').PooledBuffer} */ (socket.pool.tryAcquire());
  socket.send(frame, 100);
  await socket.flush();
  const { mtu, link } = socket.info();
  const { outcome } = await socket.close();
  const before = openDescriptors();
  await (await open(kind)).close();
  const more = openDescriptors() - before; // one that hears of interfaces, unless it was there
  const hears = await hearsOfTheEnd(await open(kind));
  return { struck, mtu, up: link?.up, outcome, more, hears };
}

/** Runs a command when this thread sleeps in a call. */
function whileAsleep(/** @type {string} */ command) {
  const asleep = `grep -q nanosleep /proc/${process.pid}/wchan`;
  const wait = `for i in $(seq 500); do ${asleep} && break; sleep 0.01; done`;
  return once(spawn('sh', ['-c', `${wait}; ${command}`]), 'exit');
}

/** The interface is removed while the socket opens, when it has been asked for already. */
async function removed(/** @type {'packet' | 'xdp'} */ kind) {
  addSink();
  inject('timerfd_create', { delay: 2000 });
  const end = whileAsleep(`ip link del ${NAME}`);
  const socket = await open(kind);
  /** @type {string[]} */
  const codes = [];
  socket.on('error', (error) => codes.push(/** @type {any} */ (error).code));
  await end;
  return { closed: await until(() => socket.fd < 0), codes };
}

/** The MTU shrinks while stats() asks for it: the news comes before the answer, which is older. */
async function overtaken(/** @type {'packet' | 'xdp'} */ kind) {
  addSink();
  const socket = await open(kind);
  const frame = /** @type {import('zerosend').PooledBuffer} */ (socket.pool.tryAcquire());
  inject('recv', { delay: 2000 });
  const end = whileAsleep(`ip link set ${NAME} mtu 1000`);
  socket.stats();
  await end;
  let refused = '';
  try {
    socket.send(frame, 1400);
  } catch (error) {
    refused = /** @type {any} */ (error).code;
  }
  return refused;
}

/** No news can be had, and stats() finds that the interface was removed. */
async function found(/** @type {'packet' | 'xdp'} */ kind) {
  addSink();
  inject('bind', { error: 'EPERM', skip: kind === 'packet' ? 1 : 3 });
  const socket = await open(kind);
  /** @type {string[]} */
  const codes = [];
  socket.on('error', (error) => codes.push(/** @type {any} */ (error).code));
  ip(`link del ${NAME}`);
  socket.stats();
  return { closed: await until(() => socket.fd < 0), codes };
}

/** @param {{ kind: 'packet' | 'xdp', scenario: string, call: Call, fault: Fault }} argument */
export function run({ kind, scenario, call, fault }) {
  if (scenario === 'removed') return removed(kind);
  if (scenario === 'found') return found(kind);
  if (scenario === 'overtaken') return overtaken(kind);
  if (scenario === 'denied') return denied(kind);
  return scenario === 'overflow' ? overflow(kind) : deaf(kind, call, fault);
}
