// @ts-check
// Gives up on many sends of one small array, and writes other content into it, unless told that it
// could not be parted from the kernel.
import { UdpSocket, XdpSocket } from 'zerosend';
import { fillDatagram } from '../../../rig/pattern.mjs';
import { given, say, sleep, turn } from './support.mjs';

const { address, port, pin, insist, interface: name } = given;
const LENGTH = 1200;
const EACH = 800; // of two sockets: more than a thousand references to the page

let lost = 0;
process.on('warning', (warning) => {
  if (/** @type {any} */ (warning).code === 'ZEROSEND_MEMORY_LOST') lost++;
});

if (pin) {
  // A process that has ever pinned memory, be it closed again, is one in which many references pass
  // for pins.
  const xdp = await XdpSocket.open({ interface: name, frames: 64, mode: 'copy' });
  await xdp.close();
}

const all = new Uint8Array(new ArrayBuffer(16_384));
const bytes = all.subarray(4096, 4096 + LENGTH);
fillDatagram(bytes, 0, 1, LENGTH);
const remote = { address, port };
const options = { remote, zeroCopy: /** @type {const} */ ('always'), sendBufferSize: 2 ** 25 };
const sockets = [await UdpSocket.open(options), await UdpSocket.open(options)];
let kernelIds = 0;
for (const socket of sockets) {
  for (let i = 0; i < EACH; i++) socket.send(bytes);
  kernelIds += socket.stats().kernelIds;
}
const inFlight = sockets.reduce((sum, socket) => sum + socket.inFlight, 0);
const closed = [];
for (const socket of sockets) closed.push(await socket.abort());
await turn();
const revoked = closed.reduce((sum, { unfinished }) => sum + unfinished, 0);
if (lost === 0 || insist) bytes.fill(0xee);
await sleep(1500); // all that is on the link has gone
say('report', { kernelIds, inFlight, revoked, lost });
