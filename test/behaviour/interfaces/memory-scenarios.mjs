// @ts-check
// Memory of a ring or a UMEM in the hands of sockets that it does not belong to.
import { BufferPool, PacketSocket, TcpSocket, UdpSocket, XdpSocket } from 'zerosend';
import { IdChecker } from '../../../rig/ids.mjs';
import { codeOf, open } from './kinds.mjs';

/** @typedef {import('./kinds.mjs').Kind} Kind @typedef {import('./kinds.mjs').Place} Place */

const FRAME = 1000;

/**
 * Offers memory of the kind to all other sockets, in every way of sending.
 * @param {'packet' | 'xdp'} kind @param {Place} place
 */
export async function refused(kind, place) {
  const owner = await open(kind, place, 32);
  const { socket, pool } = owner;
  const ids = IdChecker.of(socket);
  const remote = { address: place.address, port: place.ports.udp };
  const zeroCopy = /** @type {const} */ ('always');
  const udp = await UdpSocket.open({ remote, zeroCopy });
  const copying = await UdpSocket.open({ remote, zeroCopy: 'never' });
  const tcp = await TcpSocket.connect({ host: place.address, port: place.ports.tcp, zeroCopy });
  const ring = await PacketSocket.open({ interface: place.interface, frames: 16 });
  // On a queue of its own, where the interface has one.
  const xdp =
    kind === 'packet'
      ? await XdpSocket.open({ interface: place.interface, frames: 16 }).catch(() => null)
      : null;

  const take = () => /** @type {import('zerosend').PooledBuffer} */ (pool.tryAcquire());
  const buffers = [take(), take()];
  const [buffer, next] = /** @type {[typeof buffers[0], typeof buffers[0]]} */ (buffers);
  const run = /** @type {import('zerosend').BufferRun} */ (pool.tryAcquireRun(3));
  const view = buffer.bytes.subarray(0, 500);
  const across = run.memory.subarray(run.offset + 100, run.offset + 100 + run.stride);
  const own = new BufferPool({ count: 2, bufferSize: 4096 });
  const mine = /** @type {import('zerosend').PooledBuffer} */ (own.tryAcquire());
  /** @type {Record<string, string | null>} */
  const codes = {};
  for (const [name, other] of Object.entries({ udp, copying, tcp, ring, xdp })) {
    if (other === null) continue;
    codes[`${name} send`] = codeOf(() => other.send(buffer, FRAME));
    codes[`${name} sendMany`] = codeOf(() => other.sendMany([buffer, next], FRAME));
    codes[`${name} run`] = codeOf(() => other.sendMany(run, FRAME));
    if (other instanceof UdpSocket) {
      codes[`${name} sendTo`] = codeOf(() => other.sendTo(buffer, FRAME, remote));
      codes[`${name} view sendTo`] = codeOf(() => other.sendTo(view, 500, remote));
    }
    if (other instanceof XdpSocket) {
      codes[`${name} packet`] = codeOf(() => other.sendPacket([buffer], FRAME));
    }
    if (other instanceof PacketSocket || other instanceof XdpSocket) continue; // they copy views
    codes[`${name} mixed`] = codeOf(() => other.sendMany([mine, buffer], FRAME));
    codes[`${name} view`] = codeOf(() => other.send(view));
    codes[`${name} view over two frames`] = codeOf(() => other.send(across));
    codes[`${name} view of another type`] = codeOf(() =>
      other.send(new Uint8Array(buffer.bytes.buffer, buffer.bytes.byteOffset, 10)),
    );
  }
  const given = [udp, copying, tcp, ring].map(({ nextId }) => nextId);
  const held = { acquired: pool.acquired, inFlight: pool.inFlight, mine: own.acquired };

  // All of it is where it was, and goes out by its own socket.
  for (const one of buffers) socket.send(one, FRAME);
  socket.sendMany(run, FRAME);
  await socket.flush();
  const left = { free: pool.free, retired: pool.stats().retired };
  await socket.close();
  await pool.close();
  const afterwards = codeOf(() => udp.send(view));
  mine.release();
  // Copied it may be, and the sockets are none the worse for it.
  udp.send(Buffer.from(view));
  await udp.flush();
  for (const other of [udp, copying, tcp, ring, xdp]) await other?.close();
  return { codes, given, held, left, count: pool.count, afterwards, ...ids.result() };
}
