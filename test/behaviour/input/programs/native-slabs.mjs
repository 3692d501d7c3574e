// @ts-check
// How long a socket keeps the memory that it sends from mapped, when nobody else does.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const given = JSON.parse(process.argv[2] ?? '{}');
const native = createRequire(import.meta.url)(given.addon);
const udp = createSocket('udp4').bind(0, '127.0.0.1');
await once(udp, 'listening');
const remote = { address: '127.0.0.1', port: udp.address().port };
const request = { family: 4, zeroCopy: true, maxQueuedSends: 8 };
const open = () => native.openUdp({ ...request, remote }).handle;
const call = new Uint32Array(native.mailbox, native.constants.callOffset, 6);
const requests = new Uint32Array(native.mailbox, native.constants.requestsOffset, 4096);

const HUGE = 2 ** 21;
/**
 * A slab that is told by its size, and nobody holds but whoever sends from it. Neighbours of unlike
 * kinds do not pass for one mapping.
 * @param {number} size in huge pages @param {number} kind @param {number} [slot] bytes
 */
const make = (size, kind, slot = 4096) =>
  native.createSlab(slot, (size * HUGE) / slot, kind).handle;

/** Address space that V8 or malloc have reserved may be as large. @param {number} size in huge pages */
function isMapped(size) {
  return readFileSync('/proc/self/maps', 'latin1')
    .split('\n')
    .some((line) => {
      const [range, rights] = line.split(' ', 2);
      const [begin, end] = range?.split('-') ?? [];
      return (
        rights?.startsWith('rw') &&
        Number.parseInt(end ?? '', 16) - Number.parseInt(begin ?? '', 16) === size * HUGE
      );
    });
}

/** Whether it is gone, once everything that is garbage was collected. @param {number} size */
async function goes(size) {
  for (let i = 0; i < 500 && isMapped(size); i++) {
    globalThis.gc?.();
    await delay(1);
  }
  return !isMapped(size);
}

/** Whether it stays for as long as garbage takes to be collected. @param {number} size */
async function stays(size) {
  const other = make(101, 2);
  native.releaseSlab(other); // the control: of this, nothing is in flight
  return (await goes(101)) && isMapped(size);
}

/** @param {number} socket @param {number} slab */
function send(socket, slab) {
  call.set([socket, slab, 0, 1000, native.constants.flagZeroCopy]);
  native.send();
  return (call[5] ?? 0) | 0;
}

/** Sends from each of the slabs, and lets go of them. @param {number} socket @param {...number} slabs */
function sendAndForget(socket, ...slabs) {
  const answers = slabs.map((slab) => send(socket, slab));
  for (const slab of slabs) native.releaseSlab(slab);
  return answers;
}

/** @type {Record<string, unknown>} */
const told = {};
// Completions are not read until somebody polls, so what was sent is in flight.
const socket = open();
told.sent = sendAndForget(socket, make(31, 2));
told.stays = await stays(31);
native.poll(socket);
const other = make(33, 0);
told.another = send(socket, other); // in flight when the socket comes to rest
native.arm(socket);
told.goesAtRest = await goes(31);
native.poll(socket);
native.close(socket);

// The last slab that was sent from, of a socket that rests with nothing in flight.
const resting = open();
told.last = sendAndForget(resting, make(41, 2));
native.poll(resting);
native.arm(resting);
told.lastGoes = await goes(41);
native.close(resting);

// Of a socket that never rests.
const busy = open();
told.two = sendAndForget(busy, make(35, 2), other);
told.twoStay = (await stays(35)) && isMapped(33);
native.poll(busy);
told.goesWhileBusy = await goes(35);

// Two slabs in turns, in one call, of which the peer takes not even the first slot.
const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
const tcp = native.openTcp({ ...request, remote: { address: '127.0.0.1', port } }).handle;
const slot = 8 * HUGE;
const [one, two] = [make(48, 2, slot), make(64, 0, slot)];
const { flagZeroCopy, refusedClosed } = native.constants;
const sendInTurns = () => {
  const of = (/** @type {number[]} */ ...at) => [...at, slot, flagZeroCopy];
  requests.set([...of(one, 0), ...of(two, 0), ...of(one, 1)]);
  return native.sendMany(tcp, 3);
};
do {
  await delay(1); // the poller finds out that it is connected
  told.many = sendInTurns();
} while (told.many === -refusedClosed);
native.releaseSlab(one);
native.releaseSlab(two);
native.poll(tcp);
told.bothStay = (await stays(64)) && isMapped(48);
native.abort(tcp);
native.close(tcp);
told.bothGo = (await goes(48)) && (await goes(64));
server.close();
native.abort(busy);
native.close(busy);
udp.close();
process.stdout.write(JSON.stringify(told), () => process.exit());
