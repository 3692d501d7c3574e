import { readFileSync } from 'node:fs';
import { BufferPool } from '../../../index.js';

const HUGE_PAGE = 2 ** 21;

/** A pool that asks for transparent huge pages: how much of it has got some. */
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

/** A pool of one huge page that has to be reserved. */
export async function reservedHugePages() {
  const pool = new BufferPool({ bufferSize: HUGE_PAGE, count: 1, hugePages: 'explicit' });
  await pool.close();
  return { bytes: HUGE_PAGE };
}

/** Bytes of this process in transparent huge pages; undefined where /proc does not tell. */
function hugeBytes(): number | undefined {
  try {
    const sums = readFileSync('/proc/self/smaps_rollup', 'utf8');
    return 1024 * Number(/^AnonHugePages:\s+(\d+) kB/m.exec(sums)?.[1] ?? 0);
  } catch {
    return undefined;
  }
}
