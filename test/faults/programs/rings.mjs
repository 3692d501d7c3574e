// @ts-check
// Plays faults on ring sockets, each on a socket of its own, and keeps the books.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { udpFrame } from '../../support/udp-frame.mjs';
import { Books } from '../books.mjs';
import { openDescriptors, pause, within } from '../sender.mjs';
import { clearFaults, faults, inject, PacketSocket, setFirstIds, XdpSocket } from '../zerosend.mjs';

/**
 * @typedef {import('../zerosend.mjs').Call} Call
 * @typedef {import('../zerosend.mjs').Fault} Fault
 * @typedef {import('zerosend').PacketSocket | import('zerosend').XdpSocket} Ring
 *
 * @typedef {object} Place
 * @property {'packet' | 'xdp'} kind
 * @property {string} interface
 * @property {number} port
 * @property {number} seed
 * @property {string} queues an interface of many transmit queues, to open AF_XDP on: one that was
 *   closed a moment ago answers EBUSY, and a second attempt would meet other faults
 *
 * @typedef {object} Case
 * @property {string} name
 * @property {Partial<Record<Call, Fault[]>>} faults
 * @property {object} [options] of open
 * @property {'heal' | 'close' | 'abort' | 'wait'} [end] what follows the sends; default 'heal'. 'wait':
 *   for an error that ends the socket, and then 'close'
 * @property {'all' | 'batch' | 'packets'} [sends] in every way, a batch of 100 frames, or packets
 *   out of several frames; default 'all'
 *
 * @typedef {{ place: Place, opens?: Case[], runs?: Case[], firstIds?: [number, number] }} Argument
 */

const FRAMES = 32;
const LENGTH = 200;
/** @type {Place} */
let place;
let sequence = 0;
/** Ids that have completed as sent. */
let delivered = 0;

let nextQueue = 0;

/** @returns {Promise<Ring>} */
function openForFaults(options = {}) {
  if (place.kind === 'packet') return open(options);
  return open({ interface: place.queues, queue: nextQueue++ % 64, ...options });
}

/** @returns {Promise<Ring>} */
function open(options = {}) {
  const common = { interface: place.interface, frames: FRAMES, frameSize: 2016, ...options };
  return place.kind === 'packet'
    ? PacketSocket.open(common)
    : XdpSocket.open({ ...common, frameSize: 2048 });
}

/** Mappings of rings. */
const mappings = () =>
  readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => / socket:\[/.test(line)).length;

/** Injects the faults of a case. What it answers tells how often each call was struck. */
function injectAll(/** @type {Case} */ one) {
  const calls = /** @type {[Call, Fault[]][]} */ (Object.entries(one.faults));
  for (const [call, list] of calls) inject(call, ...list);
  return () => Object.fromEntries(calls.map(([call]) => [call, faults(call).struck]));
}

/** Sends in every way that there is, and answers what was not accepted. */
async function sendAll(/** @type {Ring} */ socket, /** @type {Books} */ books) {
  const { pool } = socket;
  /** @type {string[]} */
  const refused = [];
  const lay = () => {
    const buffer = pool.tryAcquire();
    if (buffer === null) throw new Error(`the pool is dry: ${JSON.stringify(pool.stats())}`);
    buffer.bytes.set(udpFrame(place, sequence, LENGTH));
    sequence++;
    return buffer;
  };
  for (let round = 0; round < 2; round++) {
    if (socket.fd < 0) return [...refused, 'closed']; // by itself, after a fatal error
    for (let i = 0; i < 3; i++) {
      const buffer = lay();
      const result = books.trySend(buffer, LENGTH);
      if (result === 'accepted') continue;
      refused.push(result);
      buffer.release();
    }
    const batch = [lay(), lay(), lay(), lay()];
    try {
      books.sendMany(
        batch,
        batch.map(() => LENGTH),
      );
    } catch (error) {
      refused.push(/** @type {{ code: string }} */ (error).code);
      for (const buffer of batch) buffer.release();
    }
    const plain = books.trySend(udpFrame(place, sequence++, LENGTH), LENGTH);
    if (plain !== 'accepted') refused.push(plain);
    if (socket.fd >= 0) socket.poll();
    await pause(3);
  }
  return refused;
}

/** @param {Books} books */
function count(books) {
  const { copied = 0, zerocopy = 0, inline = 0 } = books.ids.how;
  delivered += copied + zerocopy + inline;
}

/** A batch in whose middle the kernel is told of the first frames. */
async function sendBatch(/** @type {Ring} */ socket, /** @type {Books} */ books) {
  const frames = Array.from({ length: 100 }, () => {
    const buffer = /** @type {import('zerosend').PooledBuffer} */ (socket.pool.tryAcquire());
    buffer.bytes.set(udpFrame(place, sequence++, LENGTH));
    return buffer;
  });
  books.sendMany(
    frames,
    frames.map(() => LENGTH),
  );
  return [];
}

/** Packets out of three frames, as many as kick the ring by themselves, and more. */
async function sendPackets(/** @type {Ring} */ socket, /** @type {Books} */ books) {
  const { pool } = socket;
  for (let i = 0; i < 25; i++) {
    const bytes = udpFrame(place, sequence++, LENGTH);
    const lengths = [50, 1, LENGTH - 51];
    let at = 0;
    const buffers = lengths.map((length) => {
      const buffer = /** @type {import('zerosend').PooledBuffer} */ (pool.tryAcquire());
      buffer.bytes.set(bytes.subarray(at, at + length));
      at += length;
      return buffer;
    });
    books.sendPacket(buffers, lengths);
    if (i === 10) await pause(3);
  }
  return [];
}

const SENDS = { all: sendAll, batch: sendBatch, packets: sendPackets };

/** One socket from its opening to its end without faults. */
async function sound() {
  const socket = await open();
  const books = new Books(socket);
  const refused = await sendAll(socket, books);
  await within(socket.flush(), 'ids to complete');
  const report = await within(socket.close(), 'close');
  count(books);
  return [
    ...books.audit([socket.pool]),
    ...refused,
    ...(report.outcome === 'drained' ? [] : [report.outcome]),
  ];
}

async function playOpen(/** @type {Case} */ one) {
  const before = openDescriptors();
  const mapped = mappings();
  const struck = injectAll(one);
  const answer = await openForFaults(one.options).then(
    async (socket) => {
      const about = socket.info();
      const books = new Books(socket);
      await sendAll(socket, books);
      const { outcome } = await within(socket.close(), 'close');
      if (place.kind === 'packet') count(books); // the others have gone elsewhere
      return { code: outcome, syscall: '', about };
    },
    ({ code, syscall }) => ({ code, syscall, about: undefined }),
  );
  const hits = struck();
  clearFaults();
  const problems = [];
  if (openDescriptors() !== before) problems.push(`${openDescriptors() - before} descriptors more`);
  // A packet socket that had its ring shown to JavaScript keeps it until that lets go.
  if (mappings() > mapped && !one.faults.epoll_ctl && answer.about === undefined) {
    problems.push(`${mappings() - mapped} mappings more`);
  }
  problems.push(...(await sound()));
  return { ...answer, struck: hits, problems };
}

async function playRun(/** @type {Case} */ one) {
  const before = openDescriptors();
  const socket = await open(one.options);
  const books = new Books(socket);
  const first = socket.nextId;
  const problems = [];
  const struck = injectAll(one);
  const refused = await SENDS[one.sends ?? 'all'](socket, books);
  await pause(15); // the poller thread has its turns
  const { end = 'heal' } = one;
  if (end === 'wait') await within(once(socket, 'error'), 'an error');
  const start = performance.now();
  let report;
  let hits;
  if (end === 'heal') {
    hits = struck();
    clearFaults();
    await within(socket.flush(), `ids to complete: ${socket.inFlight} are in flight`);
    report = await within(socket.close(), 'close');
  } else {
    report = await within(end === 'abort' ? socket.abort() : socket.close({ timeout: 60 }), end);
    hits = struck();
    clearFaults();
  }
  const ms = performance.now() - start;
  if (end !== 'heal' && ms > 2000) problems.push(`it took ${ms} ms`);
  count(books);
  problems.push(...books.audit([socket.pool]));
  if (openDescriptors() !== before) problems.push(`${openDescriptors() - before} descriptors more`);
  if (report.ids !== socket.nextId - first) problems.push(`${report.ids} ids in the report`);
  problems.push(...(await sound()));
  const { retired } = socket.pool.stats();
  return {
    problems,
    struck: hits,
    outcome: report.outcome,
    refused: [...new Set(refused)],
    errors: books.errors.map(({ code, syscall }) => `${syscall} ${code}`),
    tally: books.ids.how,
    retired,
    stats: socket.stats(),
  };
}

/** @param {Argument} argument */
export async function run({ place: where, opens = [], runs = [], firstIds }) {
  place = where;
  if (firstIds) setFirstIds(...firstIds);
  await (await open()).close(); // the poller starts with the first socket, and stays
  /** @type {Record<string, unknown>} */
  const results = {};
  for (const one of opens) results[one.name] = await playOpen(one);
  for (const one of runs) results[one.name] = await playRun(one);
  return { results, delivered };
}
