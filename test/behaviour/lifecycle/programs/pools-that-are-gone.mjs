// @ts-check
// Opens and closes pools on which a call of acquire has waited, and counts the weak references that are left.
import { queryObjects } from 'node:v8';
import { BufferPool } from 'zerosend';
import { say } from '../../../support/say.mjs';

async function usePool() {
  const pool = new BufferPool({ bufferSize: 4096, count: 1 });
  const waits = pool.share({ limit: 1 }).acquire();
  pool.tryAcquire()?.release();
  const second = pool.acquire();
  (await waits).release();
  (await second).release();
  await pool.close();
}

/** @param {number} pools */
async function left(pools) {
  for (let i = 0; i < pools; i++) await usePool();
  await new Promise((resolve) => setImmediate(resolve));
  return queryObjects(WeakRef, { format: 'count' }); // collects garbage first
}

const before = await left(8);
say('answer', { left: (await left(64)) - before });
