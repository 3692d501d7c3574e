// @ts-check
// Gives up on thousands of slots of which none are neighbours.
import { readFileSync } from 'node:fs';
import { BufferPool, UdpSocket } from 'zerosend';
import { given, hooks, say, turn } from './support.mjs';

const { address, limit, count, each } = given;
hooks().setMapCount(limit);
/** @type {Record<string, number>} */
const warnings = {};
process.on('warning', (warning) => {
  const { code } = /** @type {any} */ (warning);
  warnings[code] = (warnings[code] ?? 0) + 1;
});
const mappings = () => readFileSync('/proc/self/maps', 'latin1').split('\n').length;
const pool = new BufferPool({ bufferSize: 4096, count });
const before = mappings();

/** @param {import('zerosend').PooledBuffer[]} buffers */
async function sendAndGiveUp(buffers) {
  const sockets = [];
  for (let at = 0; at < buffers.length; at += each) {
    const socket = await UdpSocket.open({
      remote: { address, port: 7 },
      zeroCopy: 'always',
      sendBufferSize: 2 ** 22,
    });
    sockets.push(socket);
    for (const buffer of buffers.slice(at, at + each)) socket.send(buffer, 1200);
  }
  let revoked = 0;
  for (const socket of sockets) revoked += (await socket.abort()).unfinished;
  return revoked;
}

function takeAll() {
  const taken = [];
  for (let buffer = pool.tryAcquire(); buffer; buffer = pool.tryAcquire()) taken.push(buffer);
  return taken.sort((a, b) => a.index - b.index);
}

const all = takeAll();
const apart = await sendAndGiveUp(all.filter(({ index }) => index % 2 === 0));
for (const buffer of all) if (buffer.index % 2 === 1) buffer.release();
const scattered = { revoked: apart, added: mappings() - before, ...pool.stats() };
// Whatever else the process needs can be mapped.
const room = Array.from({ length: 100 }, () => new Uint8Array(2 ** 20)).length;
await turn();
say('report', { scattered, room, warnings });
