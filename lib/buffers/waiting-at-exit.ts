import { knownPools } from './known-pools.js';

/** What is needed of a pool, on which calls of `acquire` may be pending. */
interface Awaited {
  stats(): { waiting: number; acquired: number; inFlight: number };
}

let listening = false;

/** Notes that a call of `acquire` is pending. If the program ends while one is, a warning says so. */
export function noteWaiting(): void {
  if (listening) return;
  listening = true;
  process.once('beforeExit', warn);
}

/** Called when Node.js ends because nothing is left that could give a buffer back. */
function warn(): void {
  listening = false; // calls that are made from now on are told of, too
  for (const { owner } of knownPools) {
    const stats = (owner.deref() as Awaited | undefined)?.stats();
    if (stats === undefined || stats.waiting === 0) continue;
    const { waiting, acquired, inFlight } = stats;
    process.emitWarning(
      `the program ends while ${waiting} calls of acquire wait for a buffer: ${acquired} buffers of the ` +
        `pool are with their users, ${inFlight} in flight. Send or release those, or close the pool`,
      { type: 'ZeroSendWarning', code: 'ZEROSEND_WAITING_AT_EXIT' },
    );
  }
}
