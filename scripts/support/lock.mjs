// @ts-check
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Runs a task while no other process runs one under the same name.
 *
 * The lock is a bound socket name in Linux's abstract namespace: binding is atomic, and the kernel
 * frees the name when its owner ends in any way, so there is never a stale lock.
 *
 * @param {string} name
 * @param {() => Promise<void>} task
 * @param {{ timeout?: number; onWait?: () => void }} [options] `timeout` in ms, default 15 minutes
 */
export async function withLock(name, task, { timeout = 900_000, onWait } = {}) {
  const deadline = performance.now() + timeout;
  for (let attempt = 0; ; attempt++) {
    const server = createServer();
    try {
      await once(server.listen(`\0${name}`), 'listening');
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EADDRINUSE') throw error;
      if (performance.now() > deadline) throw new Error(`gave up waiting for the lock ${name}`);
      if (attempt === 0) onWait?.();
      await sleep(250);
      continue;
    }
    try {
      return await task();
    } finally {
      server.close();
    }
  }
}
