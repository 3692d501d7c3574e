/** A pool that calls of `acquire` may wait for. */
interface Awaited {
  stats(): { waiting: number; acquired: number; inFlight: number };
}

// Weak: who waits for a pool that nobody has any more does not keep it.
const awaited = new Set<WeakRef<Awaited>>();
let listening = false;

/** Somebody waits for a buffer of the pool. Should the program end with that, it is told why. */
export function noteWaiting(pool: WeakRef<Awaited>): void {
  awaited.add(pool);
  if (listening) return;
  listening = true;
  process.on('beforeExit', warn);
}

/** Node.js ends: nothing is left that could give a buffer back. */
function warn(): void {
  for (const reference of awaited) {
    awaited.delete(reference);
    const stats = reference.deref()?.stats();
    if (stats === undefined || stats.waiting === 0) continue;
    const { waiting, acquired, inFlight } = stats;
    process.emitWarning(
      `the program ends while ${waiting} calls of acquire wait for a buffer: ${acquired} buffers of the ` +
        `pool are with their users, ${inFlight} in flight. Send or release those, or close the pool`,
      { type: 'ZeroSendWarning', code: 'ZEROSEND_WAITING_AT_EXIT' },
    );
  }
}
