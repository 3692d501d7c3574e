import { readFileSync } from 'node:fs';
import { BufferPool } from '../../../index.js';

const HUGE_PAGE = 2 ** 21;

/** Makes a pool with transparent huge pages, and reports how many bytes of it got any. */
export async function transparentHugePages() {
  const before = hugeBytes();
  const pool = new BufferPool({ bufferSize: HUGE_PAGE, count: 4, hugePages: 'transparent' });
  const buffers = Array.from({ length: 4 }, () => pool.tryAcquire());
  for (const buffer of buffers) buffer?.bytes.fill(1);
  const after = hugeBytes();
  for (const buffer of buffers) buffer?.release();
  const { hugePageErrno } = pool.stats();
  await pool.close();
  const got = before === undefined || after === undefined ? null : after - before;
  return { bytes: 4 * HUGE_PAGE, hugeBytes: got, hugePageErrno };
}

/** Makes a pool of one reserved huge page. */
export async function reservedHugePages() {
  const pool = new BufferPool({ bufferSize: HUGE_PAGE, count: 1, hugePages: 'explicit' });
  await pool.close();
  return { bytes: HUGE_PAGE };
}

/** Bytes of this process in transparent huge pages; undefined where /proc does not say. */
function hugeBytes(): number | undefined {
  try {
    const sums = readFileSync('/proc/self/smaps_rollup', 'utf8');
    return 1024 * Number(/^AnonHugePages:\s+(\d+) kB/m.exec(sums)?.[1] ?? 0);
  } catch {
    return undefined;
  }
}
