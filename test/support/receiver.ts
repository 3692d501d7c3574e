import { expect } from 'vitest';
import type { Receiver, ReceiverReport } from '../../rig/index.mjs';

export { type Receiver, type ReceiverReport, startReceiver } from '../../rig/index.mjs';

/**
 * Waits until the receiver has that many bytes or datagrams, and asserts that the content is right,
 * and for UDP also order and number.
 */
export async function expectIntact(
  receiver: Receiver,
  expected: { bytes?: number; datagrams?: number },
): Promise<ReceiverReport> {
  const { bytes = 0, datagrams = 0 } = expected;
  // A wrong byte ends the wait, since the rest may never arrive.
  const report = await receiver.until(
    (now) =>
      now.wrongBytes > 0 || (now.bytes >= bytes && (datagrams === 0 || now.datagrams >= datagrams)),
  );
  expectNothingWrong(report);
  if (expected.bytes !== undefined) expect(report.bytes).toBe(bytes);
  if (expected.datagrams !== undefined) {
    expect(report).toMatchObject({ datagrams, unique: datagrams });
  }
  return report;
}

/** Asserts that a report names no wrong byte and, for UDP, no hole, duplicate or late datagram. */
export function expectNothingWrong(report: ReceiverReport): void {
  expect(report).toMatchObject({ checked: true, wrongBytes: 0, firstWrong: null });
  if (report.protocol === 'udp') {
    expect(report).toMatchObject({ corrupt: 0, missing: 0, duplicates: 0, late: 0, drops: 0 });
  }
}
