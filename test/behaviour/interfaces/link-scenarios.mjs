// @ts-check
// What changes underneath an open socket: each scenario runs in a network namespace of its own.
import { execFileSync } from 'node:child_process';
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import { PacketSocket, UdpSocket, XdpSocket } from 'zerosend';
import { generate } from 'zerosend/generator';
import { IdChecker } from '../../../rig/ids.mjs';
import { codeOf } from './kinds.mjs';

/**
 * @typedef {'packet' | 'xdp'} Ring
 * @typedef {{ code?: string, message?: string, interface?: string, cause?: any, report?: any }} Coded
 */

const NAME = `zl${process.pid}a`;
const PEER = `zl${process.pid}b`;
const OTHER = `zl${process.pid}c`;

const ip = (/** @type {string} */ words) =>
  execFileSync('ip', words.split(' '), { encoding: 'utf8' });

/** An interface that drops every frame in its driver, and has no neighbour. */
function addSink(name = NAME) {
  ip(`link add ${name} type ifb`);
  ip(`link set ${name} up`);
}

function addPair() {
  ip(`link add ${NAME} type veth peer name ${PEER}`);
  for (const name of [NAME, PEER]) {
    execFileSync('sh', ['-c', `echo 1 > /proc/sys/net/ipv6/conf/${name}/disable_ipv6`]);
    ip(`link set ${name} up`);
  }
}

const packetsAt = (/** @type {string} */ name) =>
  JSON.parse(ip(`-s -j link show ${name}`))[0].stats64.rx.packets;

/** @returns {Promise<PacketSocket | XdpSocket>} */
function open(/** @type {Ring} */ kind, options = {}) {
  const init = (/** @type {Buffer} */ bytes) => bytes.write('ffffffffffff02000000000188b5', 'hex');
  const all = { interface: NAME, frames: 64, init, ...options };
  return kind === 'packet'
    ? PacketSocket.open({ frameSize: 4064, ...all })
    : XdpSocket.open({ frameSize: 4096, ...all });
}

/** The error of an action, or null. */
function failureOf(/** @type {() => unknown} */ action) {
  try {
    action();
    return null;
  } catch (error) {
    const { code, message, interface: about } = /** @type {Coded} */ (error);
    return { code, message, interface: about };
  }
}

function send(/** @type {PacketSocket | XdpSocket} */ socket, /** @type {number} */ length) {
  const frame = socket.pool.tryAcquire();
  if (frame === null) throw new Error('the pool is dry');
  const failure = failureOf(() => socket.send(frame, length));
  if (failure) frame.release();
  return failure;
}

/** Until nothing is sent and the event loop has had so many turns that the socket rests. */
async function rest(/** @type {PacketSocket | XdpSocket} */ socket) {
  await socket.flush({ signal: AbortSignal.timeout(10_000) });
  for (let i = 0; i < 5; i++) await turn();
}

async function until(/** @type {() => boolean} */ condition, ms = 10_000) {
  const end = performance.now() + ms;
  while (!condition() && performance.now() < end) await delay(5);
  return condition();
}

/** The warnings of the library from now on. */
function warnings() {
  /** @type {string[]} */
  const seen = [];
  process.on('warning', (warning) => {
    const { name, code, message } = /** @type {Error & Coded} */ (warning);
    if (name === 'ZeroSendWarning') seen.push(`${code} ${message.replaceAll(NAME, 'NAME')}`);
  });
  return seen;
}

const plain = (/** @type {any} */ value) =>
  JSON.parse(
    JSON.stringify(value ?? null)
      .replaceAll(NAME, 'NAME')
      .replaceAll(OTHER, 'OTHER'),
  );

/** The MTU dips, comes back, and grows, up to what a frame holds. */
export async function mtu(/** @type {Ring} */ kind) {
  addSink();
  const socket = await open(kind);
  const ids = IdChecker.of(socket);
  const about = () => {
    const { mtu, maxSendLength } = socket.info();
    return { mtu, maxSendLength };
  };
  /** @type {Record<string, unknown>} */
  const seen = { first: send(socket, 1400) };
  await rest(socket);
  ip(`link set ${NAME} mtu 1000`);
  seen.dip = plain(send(socket, 1400));
  await rest(socket);
  seen.dipAgain = plain(send(socket, 1400));
  seen.dipInfo = about();
  seen.dipShort = send(socket, 1014);
  await rest(socket);
  ip(`link set ${NAME} mtu 1500`);
  seen.back = send(socket, 1400);
  await rest(socket);
  ip(`link set ${NAME} mtu 3000`);
  seen.grown = send(socket, 2000);
  seen.grownBatch = codeOf(() => {
    const frames = [socket.pool.tryAcquire(), socket.pool.tryAcquire()];
    socket.sendMany(/** @type {import('zerosend').PooledBuffer[]} */ (frames), [60, 3014]);
  });
  seen.grownInfo = about();
  seen.beyond = plain(send(socket, 3015));
  const batch = /** @type {import('zerosend').PooledBuffer[]} */ ([
    socket.pool.tryAcquire(),
    socket.pool.tryAcquire(),
  ]);
  seen.beyondBatch = plain(failureOf(() => socket.sendMany(batch, [60, 3015])));
  for (const frame of batch) frame.release();
  await rest(socket);
  ip(`link set ${NAME} mtu 9000`);
  seen.huge = about();
  seen.full = send(socket, socket.pool.bufferSize);
  await rest(socket);
  const report = await socket.close();
  return { ...seen, report, ...ids.result() };
}

/** The MTU shrinks while a program sends on without a pause. */
export async function mtuWhileBusy(/** @type {Ring} */ kind) {
  addSink();
  const socket = await open(kind);
  const ids = IdChecker.of(socket);
  send(socket, 100); // it does not rest any more
  ip(`link set ${NAME} mtu 1000`);
  /** @type {any} */
  let refused = null;
  const began = performance.now();
  while (refused === null && performance.now() - began < 10_000) {
    const frame = socket.pool.tryAcquire() ?? (await socket.pool.acquire());
    refused = failureOf(() => socket.send(frame, 1400));
    if (refused) frame.release();
    await turn();
  }
  const report = await socket.close();
  return { refused: refused?.code, report, ...ids.result() };
}

/** Packets of AF_XDP out of several frames keep to the MTU of now, too. */
export async function packets() {
  addSink();
  const socket = /** @type {XdpSocket} */ (await open('xdp', { frameSize: 2048 }));
  const sendPacket = (/** @type {number[]} */ lengths) => {
    const frames = lengths.map(() => /** @type {any} */ (socket.pool.tryAcquire()));
    const failure = failureOf(() => socket.sendPacket(frames, lengths));
    if (failure) for (const frame of frames) frame.release();
    return plain(failure);
  };
  const most = () => socket.info().xdp?.multiFrame.maxLength;
  const seen = { first: sendPacket([500, 500, 500]), most: most() };
  await rest(socket);
  ip(`link set ${NAME} mtu 5000`);
  const grown = { sent: sendPacket([2048, 2048, 900]), most: most() };
  await rest(socket);
  ip(`link set ${NAME} mtu 1000`);
  const shrunk = { sent: sendPacket([500, 500, 500]), most: most() };
  const long = sendPacket([2048, 2048]);
  const report = await socket.close();
  return { ...seen, grown, shrunk, long, report };
}

/** The interface gets another name, and another interface gets its name. */
export async function renamed(/** @type {Ring} */ kind) {
  addSink();
  const socket = await open(kind);
  const before = socket.info();
  ip(`link set ${NAME} down`);
  ip(`link set ${NAME} name ${OTHER}`);
  ip(`link set ${OTHER} mtu 1200 up`);
  addSink(); // of the old name, with an MTU of 1500
  const { interface: name, mtu, link } = socket.info();
  const refused = plain(send(socket, 1400));
  const sent = send(socket, 1214);
  await rest(socket);
  const after = plain({ name, mtu });
  const report = await socket.close();
  const closed = plain(socket.info().interface);
  return {
    before: plain(before.interface),
    after,
    same: link?.index === before.link?.index,
    refused,
    sent,
    report,
    closed,
  };
}

/** The interface is removed, and made again under its name, while nothing is sent. */
export async function removed(/** @type {Ring} */ kind) {
  addSink();
  const socket = await open(kind);
  const ids = IdChecker.of(socket);
  /** @type {any[]} */
  const events = [];
  socket.on('error', (/** @type {Coded} */ { code, message, interface: about }) =>
    events.push(plain({ code, message, interface: about })),
  );
  socket.on('close', (report) => events.push(report));
  send(socket, 100);
  await rest(socket);
  const index = socket.info().link?.index;
  ip(`link del ${NAME}`);
  addSink();
  const told = await until(() => events.length === 2);
  const late = plain(failureOf(() => socket.send(Buffer.alloc(60))));
  const { link } = socket.info();
  const again = await open(kind);
  const refused = send(again, 100);
  await rest(again);
  const report = await again.close();
  return { told, events, late, link, index, refused, report, ...ids.result() };
}

/** It is removed while frames wait for it to come up. */
export async function removedWhileDown(/** @type {Ring} */ kind) {
  addSink();
  const socket = await open(kind);
  const ids = IdChecker.of(socket);
  /** @type {any[]} */
  const events = [];
  socket.on('error', (/** @type {Coded} */ { code }) => events.push(code));
  socket.on('close', (report) => events.push(report));
  ip(`link set ${NAME} down`);
  for (let i = 0; i < 20; i++) send(socket, 100);
  await until(() => socket.info().linkDown);
  ip(`link del ${NAME}`);
  const began = performance.now();
  await until(() => events.length === 2);
  const prompt = performance.now() - began < 4000; // and not at the timeout of a close
  const { acquired, inFlight, retired } = socket.pool.stats();
  return { events, prompt, acquired, inFlight, retired, ...ids.result() };
}

/** A port that leaves its bridge is "deleted" from that, and still there. */
export async function leavesBridge(/** @type {Ring} */ kind) {
  addPair();
  ip(`link add ${OTHER} type bridge`);
  const socket = await open(kind);
  /** @type {any[]} */
  const events = [];
  socket.on('error', (/** @type {Coded} */ { code }) => events.push(code));
  ip(`link set ${NAME} master ${OTHER}`);
  ip(`link set ${NAME} nomaster`);
  ip(`link set ${NAME} mtu 1400`); // behind it in the queue of news
  await until(() => send(socket, 1500)?.code === 'ERR_ZEROSEND_FRAME_TOO_LONG');
  const sent = send(socket, 100);
  await rest(socket);
  return { events, sent, gone: socket.info().link?.operstate, report: await socket.close() };
}

/** Down, up, and down again: each time is told once, and the frames go when it is up. */
export async function down(/** @type {Ring} */ kind) {
  const seen = warnings();
  addPair();
  const before = packetsAt(PEER);
  const socket = await open(kind);
  const second = kind === 'packet' ? await open(kind) : null;
  const ids = IdChecker.of(socket);
  const links = [socket.info().link];
  for (let round = 1; round <= 2; round++) {
    ip(`link set ${NAME} down`);
    for (let i = 0; i < 5; i++) {
      send(socket, 100);
      if (second) send(second, 100);
      await turn();
    }
    await until(() => seen.length >= round);
    links.push(socket.info().link);
    ip(`link set ${NAME} up`);
    await rest(socket);
    if (second) await rest(second);
  }
  links.push(socket.info().link);
  const report = await socket.close();
  await second?.close();
  return {
    warnings: seen,
    links: links.map((link) => ({ ...link, index: link?.index === links[0]?.index })),
    arrived: packetsAt(PEER) - before,
    report,
    ...ids.result(),
  };
}

/** Without a carrier the interface drops what it is given. */
export async function noCarrier(/** @type {Ring} */ kind) {
  const seen = warnings();
  addPair();
  const socket = await open(kind);
  ip(`link set ${PEER} down`);
  await until(() => socket.info().link?.carrier === false);
  for (let i = 0; i < 40; i++) send(socket, 100);
  await rest(socket);
  await until(() => seen.length > 0);
  const { interfaceDropped } = socket.stats();
  const { link } = socket.info();
  const report = await socket.close();
  return {
    warnings: seen,
    link: { ...link, index: 0 },
    interfaceDropped,
    closed: socket.stats().interfaceDropped,
    report,
  };
}

const TEMPLATE = {
  ethernet: { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' },
  ipv4: { source: '198.18.0.1', destination: '198.18.0.2' },
  udp: { source: 1024, destination: 9 },
  length: 64,
};

/** What `generate` reports of an interface without a carrier. */
export async function generateNoCarrier(/** @type {Ring} */ kind) {
  addPair();
  const socket = await open(kind, { init: undefined });
  ip(`link set ${PEER} down`);
  await until(() => socket.info().link?.carrier === false);
  const report = await generate({ socket, template: TEMPLATE, count: 200 });
  await socket.close();
  return { ...report };
}

/** And of one that stays down: it ends, and so does close, each in its time. */
export async function generateDown(/** @type {Ring} */ kind) {
  const seen = warnings();
  addPair();
  const socket = await open(kind, { init: undefined });
  const ids = IdChecker.of(socket);
  ip(`link set ${NAME} down`);
  const began = performance.now();
  const report = await generate({ socket, template: TEMPLATE, count: 1e6, seconds: 0.2 });
  const generated = performance.now() - began;
  const closing = performance.now();
  const closed = await socket.close({ timeout: 100 });
  return {
    warnings: seen,
    report: plain(report),
    generated,
    closing: performance.now() - closing,
    closed,
    ...ids.result(),
  };
}

/** A link that flaps: every packet arrives, and the report comes. */
export async function generateFlaps(/** @type {Ring} */ kind) {
  addPair();
  const socket = await open(kind, { init: undefined });
  const before = packetsAt(PEER);
  const running = generate({ socket, template: TEMPLATE, count: 500, rate: 1000 });
  for (let i = 0; i < 3; i++) {
    const { nextId } = socket;
    await until(() => socket.nextId > nextId);
    ip(`link set ${NAME} down`);
    await until(() => socket.info().linkDown);
    ip(`link set ${NAME} up`);
    await until(() => !socket.info().linkDown);
  }
  const { ended, packets, failed, unfinished } = await running;
  await socket.close();
  return { ended, packets, failed, unfinished, arrived: packetsAt(PEER) - before };
}

/** The interface goes away under `generate`: it rejects, with its report, and nothing else is raised. */
export async function generateGone(/** @type {Ring} */ kind) {
  addPair();
  /** @type {any[]} */
  const raised = [];
  process.on('uncaughtException', (error) => raised.push(plain(error.message)));
  const socket = await open(kind, { init: undefined });
  const running = generate({ socket, template: TEMPLATE, count: 1e9, rate: 2000 }).then(
    () => null,
    (error) => error,
  );
  await until(() => socket.nextId > 50);
  ip(`link del ${NAME}`);
  const error = await running;
  const report = await socket.close();
  return {
    error: plain({ code: error?.code, message: error?.message, interface: error?.interface }),
    report: plain(error?.report),
    closed: report,
    raised,
  };
}

/** A UDP socket whose way goes down: no more than `send` can know, but with the report. */
export async function generateUdp() {
  addPair();
  ip(`addr add 198.18.0.1/30 dev ${NAME}`);
  ip(`neigh add 198.18.0.2 lladdr 02:00:00:00:00:02 dev ${NAME}`);
  const socket = await UdpSocket.open({ remote: { address: '198.18.0.2', port: 9 } });
  const running = generate({
    socket,
    template: { payload: Buffer.alloc(100) },
    count: 1e9,
    rate: 2000,
  }).then(
    () => null,
    (error) => error,
  );
  await until(() => socket.nextId > 50);
  ip(`link set ${NAME} down`);
  const error = await Promise.race([running, delay(5000, null, { ref: false })]);
  await socket.close();
  return {
    code: error?.code,
    address: error?.address,
    ended: error?.report?.ended,
    some: error?.report?.packets > 50,
  };
}

/** What cannot be bound to says what it was. */
export async function refusedQueues() {
  ip(`link add ${NAME} numtxqueues 4 numrxqueues 4 type veth peer name ${PEER}`);
  for (const name of [NAME, PEER]) ip(`link set ${name} up`);
  addSink(OTHER);
  const refused = async (/** @type {object} */ options) => {
    try {
      await (await XdpSocket.open({ interface: NAME, frames: 16, ...options })).close();
      return null;
    } catch (error) {
      const { code, message, interface: about, queue, queues } = /** @type {any} */ (error);
      return plain({ code, message, interface: about, queue, queues });
    }
  };
  const first = await XdpSocket.open({ interface: NAME, frames: 16, queue: 1 });
  const seen = {
    noQueue: await refused({ queue: 7 }),
    taken: await refused({ queue: 1 }),
    zerocopyVeth: await refused({ mode: 'zerocopy' }),
    zerocopyIfb: await refused({ mode: 'zerocopy', interface: OTHER }),
    zerocopyLo: await refused({ mode: 'zerocopy', interface: 'lo' }),
    noInterface: await refused({ interface: 'zlnone' }),
  };
  await first.close();
  return seen;
}
