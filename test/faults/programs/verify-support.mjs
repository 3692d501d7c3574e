// @ts-check
// What the scenarios of verifying pools share. What is found is thrown as an uncaught exception, or
// is a warning of the process; here they are collected.
import { createServer } from 'node:net';
import { pause } from '../sender.mjs';
import { ALWAYS, BufferPool, inject, TcpSocket } from '../zerosend.mjs';

/** @typedef {import('zerosend').PooledBuffer} PooledBuffer */
/** @typedef {import('zerosend').BufferPool} Pool */
/** @typedef {import('zerosend').CodedError} CodedError */

/** @type {{ code: string, id: number | undefined, message: string }[]} */
export const uncaught = [];
process.on('uncaughtException', (error) => {
  const { code, id, message } = /** @type {CodedError & { id?: number }} */ (error);
  uncaught.push({ code, id, message });
});
/** @type {{ code: string | undefined, name: string, message: string }[]} */
export const warnings = [];
process.on('warning', (warning) => {
  const { code, name, message } = /** @type {Error & { code?: string }} */ (warning);
  warnings.push({ code, name, message });
});

export const server = createServer((socket) => void socket.on('error', () => {}).resume());
await new Promise((resolve) => void server.listen(0, '127.0.0.1', () => resolve(null)));
const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
export const remote = { address: '127.0.0.1', port: 9 };
export const connect = () => TcpSocket.connect({ host: '127.0.0.1', port, zeroCopy: 'always' });

/** @param {import('zerosend').BufferPoolOptions} [options] */
export const verifiedPool = (options = {}) =>
  new BufferPool({ bufferSize: 8192, count: 8, hugePages: 'none', verify: true, ...options });

/** Has to appear in the stacks. @param {Pool} pool @returns {PooledBuffer} */
export function acquiredHere(pool) {
  return /** @type {PooledBuffer} */ (pool.tryAcquire());
}

/** The same. @param {Pool} pool @returns {import('zerosend').BufferRun} */
export function runAcquiredHere(pool) {
  return /** @type {import('zerosend').BufferRun} */ (pool.tryAcquireRun(3));
}

/** Sends stay in flight from here on, until `letGo`. */
export const hold = () => inject('recvmsg', { error: 'EAGAIN', times: ALWAYS });
export const letGo = () => inject('recvmsg');

/** @param {() => unknown} action */
export function errorOf(action) {
  try {
    action();
    return null;
  } catch (error) {
    const { code, message } = /** @type {CodedError} */ (error);
    return { code, message };
  }
}

/** @param {() => boolean} [found] what is expected to come of it; default nothing */
export async function collectGarbage(found) {
  for (let i = 0; i < (found ? 500 : 12) && !found?.(); i++) {
    globalThis.gc?.();
    await pause(2);
  }
}

export const warned = () => warnings.length > 0;
