import type { Receiver, ReceiverReport } from '../../rig/index.mjs';

/**
 * Ends a receiver when nothing more is on its way: between two reports that say the same it had
 * nothing to read. For what has completed without a copy, and so has left the sending end.
 */
export async function stopWhenQuiet(receiver: Receiver): Promise<ReceiverReport> {
  let bytes = -1;
  let same = 0;
  await receiver.until((report) => {
    same = report.bytes === bytes ? same + 1 : 0;
    bytes = report.bytes;
    return same >= 3;
  });
  return receiver.stop();
}

/** Ends a receiver when all its connections have ended, so many. */
export async function stopWhenClosed(receiver: Receiver, connections = 1): Promise<ReceiverReport> {
  const all = { timeout: 600_000 }; // a slow one; the test has a deadline of its own
  await receiver.until(({ accepted, open }) => accepted === connections && open === 0, all);
  return receiver.stop();
}
