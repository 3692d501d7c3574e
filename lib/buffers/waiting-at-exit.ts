/** A pool on which calls of `acquire` may be pending. */
interface Awaited {
  stats(): { waiting: number; acquired: number; inFlight: number };
}

// Weak references: a pending call does not keep a pool to which nothing else refers.
const awaited = new Set<WeakRef<Awaited>>();
let listening = false;

/**
 * Notes that a call of `acquire` is pending. If the program ends while it is, a warning says so.
 */
export function noteWaiting(pool: WeakRef<Awaited>): void {
  awaited.add(pool);
  if (listening) return;
  listening = true;
  process.on('beforeExit', warn);
}

/** Called when Node.js ends because nothing is left that could give a buffer back. */
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
