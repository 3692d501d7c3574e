// @ts-check
// Ends while calls of acquire wait, or after they have been served or turned away.
import { BufferPool } from 'zerosend';

const { how } = JSON.parse(process.argv[2] ?? '{}');
const pool = new BufferPool({ bufferSize: 4096, count: 2 });
const [first, second] = [pool.tryAcquire(), pool.tryAcquire()];
if (how === 'served') setTimeout(() => first?.release(), 10);
if (how === 'closed') setTimeout(() => void pool.close(), 10);
if (how === 'exit') setTimeout(() => process.exit(7), 10);
if (how === 'background') {
  void pool.acquire();
  void pool.acquireRun(2);
} else {
  await pool.acquire().catch(() => second);
}
