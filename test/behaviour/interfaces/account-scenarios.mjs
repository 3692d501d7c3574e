// @ts-check
// What became of each frame, by stats() and by the interface's own counters.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { IdChecker } from '../../../rig/ids.mjs';
import { open } from './kinds.mjs';

/**
 * @typedef {import('./kinds.mjs').Kind} Kind
 * @typedef {import('./kinds.mjs').Place} Place
 * @typedef {import('zerosend').PooledBuffer} PooledBuffer
 */

const NAME = 'zsa0';
const PEER = 'zsa1';

const run = (/** @type {string} */ command) => {
  const [program = '', ...args] = command.split(' ');
  return execFileSync(program, args, { encoding: 'utf8' });
};

/** A pair of interfaces on which nobody but the socket under test sends. */
function makeLink() {
  // The default as well: an interface whose MTU was below IPv6's least begins anew with it, and would
  // report its multicast groups a moment later.
  writeFileSync('/proc/sys/net/ipv6/conf/default/disable_ipv6', '1');
  run(`ip link add ${NAME} type veth peer name ${PEER}`);
  for (const name of [NAME, PEER]) {
    writeFileSync(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, '1');
    run(`ip link set ${name} up`);
  }
}

/** Counters of the interface, and of its queueing discipline if it has one. */
function interfaceCounts() {
  const one = (/** @type {string} */ name) =>
    Number(readFileSync(`/sys/class/net/${NAME}/statistics/${name}`, 'utf8'));
  const [qdisc] = JSON.parse(run(`tc -s -j qdisc show dev ${NAME}`));
  return {
    packets: one('tx_packets'),
    dropped: one('tx_dropped'),
    qdiscDrops: qdisc?.kind === 'tbf' ? qdisc.drops : 0,
  };
}

/** @param {Kind} kind */
async function account(kind) {
  const place = /** @type {Place} */ ({ interface: NAME });
  const { socket, pool, length } = await open(kind, place, 64);
  const ids = IdChecker.of(socket);
  /** What has changed since the last look, by both. */
  let last = { ...interfaceCounts(), ...socket.stats() };
  const look = () => {
    const now = { ...interfaceCounts(), ...socket.stats() };
    const since = (/** @type {keyof typeof now} */ name) => Number(now[name]) - Number(last[name]);
    const change = {
      released: since('zerocopy') + since('copied') + since('inlined'),
      failed: since('failed'),
      revoked: since('revoked'),
      refused: since('refusedFrames'),
      droppedFrames: since('droppedFrames'),
      packets: since('packets'),
      dropped: since('dropped'),
      qdiscDrops: since('qdiscDrops'),
    };
    last = now;
    return change;
  };
  const send = async (/** @type {number} */ count, bytes = length) => {
    for (let i = 0; i < count; i++) {
      socket.send(pool.tryAcquire() ?? (await pool.acquire()), bytes);
    }
  };
  return { socket, pool, ids, look, send };
}

const settled = (/** @type {import('zerosend').ZeroCopySocket} */ socket) =>
  Promise.race([socket.flush(), delay(5000, null, { ref: false })]);

/** Sent, dropped for want of a carrier, sent again, and never sent. */
export async function xdp() {
  makeLink();
  const { socket, pool, ids, look, send } = await account('xdp');
  const several = /** @type {import('zerosend').XdpSocket} */ (socket);
  await send(1000);
  await settled(socket);
  const sent = look();
  run(`ip link set ${PEER} down`);
  await send(150);
  await settled(socket);
  const noCarrier = look();
  // A packet out of several frames is one that is dropped.
  for (let i = 0; i < 10; i++) {
    const frames = [pool.tryAcquire(), pool.tryAcquire(), pool.tryAcquire()];
    several.sendPacket(/** @type {PooledBuffer[]} */ (frames), [400, 400, 200]);
  }
  await settled(socket);
  const packetsDropped = look();
  run(`ip link set ${PEER} up`);
  await delay(50);
  await send(100);
  await settled(socket);
  const again = look();
  run(`ip link set ${NAME} down`);
  await send(20);
  const report = await socket.close({ timeout: 50 });
  const never = look();
  return { sent, noCarrier, packetsDropped, again, never, report, ...ids.result() };
}

/** Sent, refused by a queueing discipline and tried again, and never sent. */
export async function packet() {
  makeLink();
  run(`tc qdisc add dev ${NAME} root tbf rate 8mbit burst 4kb limit 10kb`);
  const { socket, ids, look, send } = await account('packet');
  await send(2);
  await settled(socket);
  const sent = look();
  await send(200);
  await settled(socket);
  const behind = look();
  run(`tc qdisc del dev ${NAME} root`);
  look(); // the next one starts here
  await send(1000);
  await settled(socket);
  const again = look();
  // Longer than the MTU has become before the kernel is told of them: found malformed.
  const handedOver = send(2);
  run(`ip link set ${NAME} mtu 900`);
  await handedOver;
  await settled(socket);
  const malformed = look();
  run(`ip link set ${NAME} mtu 1500`);
  run(`ip link set ${NAME} down`);
  await send(20, 800);
  const report = await socket.close({ timeout: 50 });
  const never = look();
  return { sent, behind, again, malformed, never, report, ...ids.result() };
}
